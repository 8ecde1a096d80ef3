//! A real node: containers by containerd, networks by netlink, all on this machine. Needs root.

mod support;

use serde_json::json;
use support::{Bench, stopped, task};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_lives_and_leaves_nothing() {
    let bench = Bench::start().await;
    let script = "echo hello; id; cat /etc/hostname; ip addr show eth0; cat /data/seed; \
        echo $AWS_EXECUTION_ENV $FROM_IMAGE $MINE; cat /proc/self/status | grep -i seccomp; exec sleep 600";
    let task = task(
        "a1",
        9,
        json!([{"name": "app", "command": ["/bin/sh", "-c", script], "environment": {"MINE": "yes"},
            "stopTimeout": 1, "memory": 64}]),
    );
    bench.want(&task).await;
    let running = bench.told.status("a1", "RUNNING").await;
    assert_eq!(running.attachments[0].status, "ATTACHED");
    assert!(running.containers[0].runtime_id.as_deref().unwrap().starts_with("a1-"));
    while !bench.log("app").contains("Seccomp") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let log = bench.log("app");
    for wanted in [
        "hello",
        "uid=0",
        "ip-10-96-0-9",
        "10.96.0.9/20",
        "02:00:0a:60:00:09",
        "from the image",
        "AWS_ECS_FARGATE 1 yes",
        "Seccomp:\t2",
    ] {
        assert!(log.contains(wanted), "{wanted:?} is missing in {log}");
    }
    bench.want(&stopped(&task)).await;
    let over = bench.told.status("a1", "STOPPED").await;
    assert_eq!((over.containers[0].exit_code, over.stop_code), (Some(137), None));
    assert_eq!(over.attachments[0].status, "DETACHED");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exits_and_failures_have_ecs_names() {
    let bench = Bench::start().await;
    bench.want(&task("b1", 10, json!([{"name": "one", "command": ["/bin/sh", "-c", "exit 3"]}]))).await;
    bench.want(&task("b2", 11, json!([{"name": "two", "image": "nowhere"}]))).await;
    bench.want(&task("b3", 12, json!([{"name": "three", "config": {"User": "nobody"}}]))).await;
    bench.want(&task("b4", 13, json!([{"name": "four", "command": ["/no/such/file"]}]))).await;
    let hog = "x=y; while true; do x=$x$x$x; done";
    bench
        .want(&task("b5", 14, json!([{"name": "five", "memory": 8, "command": ["/bin/sh", "-c", hog]}])))
        .await;
    bench.want(&stopped(&task("b6", 15, json!([{"name": "six"}])))).await;

    let over = bench.told.status("b1", "STOPPED").await;
    assert_eq!(over.reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(
        (over.stop_code.as_deref(), over.containers[0].exit_code),
        (Some("EssentialContainerExited"), Some(3))
    );
    let over = bench.told.status("b2", "STOPPED").await;
    assert_eq!(over.stop_code.as_deref(), Some("TaskFailedToStart"));
    assert_eq!(over.reason.as_deref(), Some("CannotPullContainerError: nowhere: not found"));
    let over = bench.told.status("b3", "STOPPED").await;
    let reason = over.containers[0].reason.clone().unwrap();
    assert!(
        reason.starts_with("CannotStartContainerError") && reason.contains("unable to find user nobody"),
        "{reason}"
    );
    let over = bench.told.status("b4", "STOPPED").await;
    let reason = over.containers[0].reason.clone().unwrap();
    assert!(reason.starts_with("CannotStartContainerError: Error response from daemon:"), "{reason}");
    assert!(reason.contains("/no/such/file"), "{reason}");
    let over = bench.told.status("b5", "STOPPED").await;
    assert_eq!(over.containers[0].exit_code, Some(137));
    let reason = over.containers[0].reason.as_deref();
    assert_eq!(reason, Some("OutOfMemoryError: Container killed due to memory usage"));
    bench.told.status("b6", "STOPPED").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_agent_adopts_what_runs() {
    let mut bench = Bench::start().await;
    let long = task(
        "c1",
        20,
        json!([{"name": "long", "command": ["/bin/sh", "-c", "while true; do sleep 1; done"],
        "stopTimeout": 0}]),
    );
    let short = task("c2", 21, json!([{"name": "short", "command": ["/bin/sh", "-c", "sleep 2; exit 5"]}]));
    bench.want(&long).await;
    bench.want(&short).await;
    bench.told.status("c1", "RUNNING").await;
    bench.told.status("c2", "RUNNING").await;
    bench.crash();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    bench.restart().await;
    let over = bench.told.status("c2", "STOPPED").await;
    assert_eq!(over.containers[0].exit_code, Some(5));
    assert!(bench.told.announced().iter().any(|arn| arn.ends_with("c1")));
    assert!(bench.told.of("c1").iter().all(|change| change.status != "STOPPED"));
    let manifest = json!({"type": "TaskManifestMessage", "message": {"messageId": "m", "clusterArn": "c",
        "containerInstanceArn": "i", "generatedAt": 0, "timeline": 1, "tasks": []}});
    bench.send(manifest).await;
    bench.told.status("c1", "STOPPED").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_wait_for_each_other_and_share_volumes_and_network() {
    let bench = Bench::start().await;
    let mut wanted = task(
        "d1",
        30,
        json!([
            {"name": "init", "essential": false, "command": ["/bin/sh", "-c", "cat /data/seed; echo made > /data/file"],
             "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]},
            {"name": "web", "command": ["/bin/sh", "-c", "echo up > /v/ready; while true; do echo pong | nc -l -p 8080; done"],
             "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}],
             "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}], "stopTimeout": 1,
             "healthCheckType": "docker",
             "config": {"Healthcheck": {"Test": ["CMD-SHELL", "cat /v/ready"], "Interval": 200_000_000, "Timeout": 5_000_000_000i64,
                "StartPeriod": 0, "Retries": 3}}},
            {"name": "client", "essential": false,
             "command": ["/bin/sh", "-c", "cat /v/file /v/seed; nc 127.0.0.1 8080 < /dev/null"],
             "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": true}],
             "dependsOn": [{"containerName": "web", "condition": "HEALTHY"}]}
        ]),
    );
    wanted["volumes"] = json!([{"name": "v", "type": "host"}]);
    bench.want(&wanted).await;
    let healthy = bench.told.until("d1", |change| {
        change
            .containers
            .iter()
            .any(|c| c.container_name == "web" && c.health_status.as_deref() == Some("HEALTHY"))
    });
    healthy.await;
    let done = bench.told.until("d1", |change| {
        change.containers.iter().any(|c| c.container_name == "client" && c.status == "STOPPED")
    });
    done.await;
    assert_eq!(bench.log("client"), "made\nfrom the imagepong\n");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_do_not_notice_the_death_of_containerd() {
    let bench = Bench::start().await;
    let long =
        task("e1", 40, json!([{"name": "e1", "command": ["/bin/sh", "-c", "sleep 600"], "stopTimeout": 0}]));
    let short = task("e2", 41, json!([{"name": "e2", "command": ["/bin/sh", "-c", "sleep 2; exit 9"]}]));
    bench.want(&long).await;
    bench.want(&short).await;
    bench.told.status("e1", "RUNNING").await;
    bench.told.status("e2", "RUNNING").await;
    bench.kill_containerd();
    let over = bench.told.status("e2", "STOPPED").await;
    assert_eq!(over.containers[0].exit_code, Some(9));
    assert!(bench.told.of("e1").iter().all(|change| change.status != "STOPPED"));
    bench.want(&stopped(&long)).await;
    bench.told.status("e1", "STOPPED").await;
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_join_a_vpc_and_part_vpcs() {
    let bench = Bench::start().await;
    let serve = |word: &str| {
        json!([{"name": word, "stopTimeout": 0,
        "command": ["/bin/sh", "-c", format!("while true; do echo {word} | nc -l -p 80; done")]}])
    };
    let mut published = task("f2", 51, serve("published"));
    published["networkMode"] = json!("bridge");
    published["elasticNetworkInterfaces"] = json!([]);
    published["containers"][0]["portMappings"] =
        json!([{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]);
    bench.want(&task("f1", 50, serve("same"))).await;
    bench.want(&published).await;
    bench.told.status("f1", "RUNNING").await;
    let binding = bench.told.status("f2", "RUNNING").await.containers[0].network_bindings[0].clone();
    assert!((49153..=65535).contains(&binding.host_port) && binding.container_port == 80);

    let probe = |meet: &str| {
        format!("exec 2>/dev/null; {meet}; nc -w 2 10.96.80.1 22 < /dev/null || echo shut; echo done")
    };
    let inside = probe("until nc -w 2 10.96.80.50 80 < /dev/null | grep same; do sleep 0.1; done");
    let outside = probe("nc -w 2 10.96.80.50 80 < /dev/null");
    bench.want(&task("f3", 52, json!([{"name": "inside", "command": ["/bin/sh", "-c", inside]}]))).await;
    let mut other = task("f4", 53, json!([{"name": "outside", "command": ["/bin/sh", "-c", outside]}]));
    other["longshore"]["vpcId"] = json!("vpc-other");
    other["elasticNetworkInterfaces"][0]["ipv4Addresses"][0]["privateAddress"] = json!("10.96.240.9");
    other["elasticNetworkInterfaces"][0]["subnetGatewayIpv4Address"] = json!("10.96.240.1/20");
    bench.want(&other).await;
    bench.told.status("f3", "STOPPED").await;
    bench.told.status("f4", "STOPPED").await;
    assert_eq!(bench.log("inside"), "same\nshut\ndone\n");
    assert_eq!(bench.log("outside"), "shut\ndone\n");
    let ask = || {
        let answer = std::process::Command::new("busybox")
            .args(["nc", "-w", "2", "127.0.0.1", &binding.host_port.to_string()])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&answer.stdout).into_owned()
    };
    let answer = (0..50).map(|_| ask()).find(|answer| !answer.is_empty());
    assert_eq!(answer.as_deref(), Some("published\n"));
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_seen_from_inside() {
    let bench = Bench::start().await;
    let look = "id -u; id -g; cat /proc/self/status | grep -E 'CapBnd|NoNewPrivs'; ulimit -n; ulimit -c; \
        cat /proc/sys/net/core/somaxconn; cat /etc/hosts /etc/resolv.conf; echo x > /root-file || echo readonly; \
        echo y > /t/file && cat /t/file; cat /proc/mounts | grep -E ' /t | /dev/shm '; echo $PWD; \
        cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max; cat /proc/1/comm";
    let host = json!({"ReadonlyRootfs": true, "Tmpfs": {"/t": "size=1048576,mode=1777"}, "ShmSize": 2097152,
        "Ulimits": [{"Name": "nofile", "Soft": 1000, "Hard": 2000}, {"Name": "core", "Soft": 0, "Hard": 0}],
        "Sysctls": {"net.core.somaxconn": "777"}, "CapDrop": ["ALL"], "CapAdd": ["NET_BIND_SERVICE"],
        "ExtraHosts": ["friend:192.0.2.7"], "Dns": ["192.0.2.53"], "DnsSearch": ["example.test"],
        "SecurityOpt": ["no-new-privileges"]});
    bench
        .want(&task(
            "g1",
            60,
            json!([{"name": "set", "command": ["/bin/sh", "-c", look], "memory": 32, "host": host,
            "config": {"User": "app", "WorkingDir": "/t"}}]),
        ))
        .await;
    let privileged =
        "cat /proc/self/status | grep -E 'CapBnd|Seccomp:'; ls /dev/null /dev/zero; cat /proc/1/comm";
    bench
        .want(&task(
            "g2",
            61,
            json!([{"name": "strong", "command": ["/bin/sh", "-c", privileged],
            "host": {"Privileged": true}}]),
        ))
        .await;
    let over = bench.told.status("g1", "STOPPED").await;
    let log = bench.log("set");
    assert_eq!(over.containers[0].exit_code, Some(0), "{:?} {log}", over.containers[0].reason);
    for wanted in [
        "1000\n1000\n",
        "CapBnd:\t0000000000000400",
        "NoNewPrivs:\t1",
        "\n1000\n0\n777\n",
        "192.0.2.7\tfriend",
        "search example.test\nnameserver 192.0.2.53",
        "readonly",
        "\ny\n",
        "size=1024k",
        "size=2048k",
        "\n/t\n",
        "\n33554432\n",
    ] {
        assert!(log.contains(wanted), "{wanted:?} is missing in {log}");
    }
    let over = bench.told.status("g2", "STOPPED").await;
    let log = bench.log("strong");
    assert_eq!(over.containers[0].exit_code, Some(0), "{:?} {log}", over.containers[0].reason);
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find(|line| line.starts_with("CapBnd:")).unwrap();
    assert!(log.contains(own) && log.contains("Seccomp:\t0"), "{log}");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_has_no_more_disk_than_it_was_given() {
    let bench = Bench::start().await;
    let script = "/bin/busybox fallocate -l 1200000000 /big; exec sleep 600";
    let mut wanted =
        task("i1", 80, json!([{"name": "fat", "command": ["/bin/sh", "-c", script], "stopTimeout": 0}]));
    wanted["longshore"]["ephemeralStorageGib"] = json!(1);
    bench.want(&wanted).await;
    let over = bench.told.status("i1", "STOPPED").await;
    let reason = over.reason.unwrap();
    assert!(reason.starts_with("OutOfEphemeralStorageError: Task used 11"), "{reason}");
    assert!(reason.ends_with("MiB of its 1024 MiB of ephemeral storage"), "{reason}");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_restarted_in_place() {
    let bench = Bench::start().await;
    let script = "echo life; if [ -e /again ]; then exit 0; fi; echo x > /again; sleep 2; exit 1";
    let policy = json!({"enabled": true, "ignoredExitCodes": [0], "restartAttemptPeriod": 1});
    let wanted = json!([{"name": "phoenix", "command": ["/bin/sh", "-c", script], "restartPolicy": policy}]);
    bench.want(&task("h1", 70, wanted)).await;
    let over = bench.told.status("h1", "STOPPED").await;
    assert_eq!(over.containers[0].exit_code, Some(0));
    assert_eq!(bench.log("phoenix").matches("life").count(), 2);
    assert!(bench.told.of("h1").iter().any(|change| change.status == "RUNNING"));
    bench.finish().await;
}
