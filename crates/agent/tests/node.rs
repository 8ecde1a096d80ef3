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
