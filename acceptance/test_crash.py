"""kill -9 of longshore under running tasks: they go on, are adopted, and leave nothing behind."""


from support.ecs import Cluster
from support.images import busybox_layout, push
from support.kernel import footprint, running_containers
from support.process import pid_exists, wait_until

COUNTER = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done"


def test_tasks_outlive_a_killed_longshore(own_longshore, tmp_path):
    cluster = Cluster(own_longshore)
    cluster.ecr.create_repository(repositoryName="box")
    image = push(own_longshore, busybox_layout(tmp_path / "layout"), "box")
    definition = cluster.register("counts", [
        {"name": "main", "image": image, "command": ["sh", "-c", COUNTER], "stopTimeout": 2}], memory="512")
    clean = footprint(own_longshore)
    arns = cluster.run(definition, count=5) + cluster.run(definition, count=5)
    cluster.wait(arns, "RUNNING", 120)
    before = running_containers(own_longshore)
    assert len(before) == 10

    own_longshore.kill()
    assert all(pid_exists(pid) for pid in before.values()), "containers must not notice"
    own_longshore.start()

    assert running_containers(own_longshore) == before, "the same containers run"
    cluster.wait(arns, "RUNNING", 60)
    for arn in arns:
        messages = cluster.wait_for_message("counts", arn, "main", "line 200$", 60)
        # Neither a gap nor a repetition across the crash.
        assert messages == [f"line {n}" for n in range(1, len(messages) + 1)]

    stopped = cluster.stop(arns, 120)
    assert {t["stopCode"] for t in stopped} == {"UserInitiated"}
    wait_until("nothing is left", lambda: footprint(own_longshore) == clean, 60)


def test_a_task_that_ended_meanwhile_is_told_rightly(own_longshore, tmp_path):
    cluster = Cluster(own_longshore)
    cluster.ecr.create_repository(repositoryName="box")
    image = push(own_longshore, busybox_layout(tmp_path / "layout"), "box")
    definition = cluster.register("ends", [
        {"name": "main", "image": image, "command": ["sh", "-c", "echo up; sleep 3; echo end; exit 5"]}])
    [arn] = cluster.run(definition)
    cluster.wait([arn], "RUNNING")
    pids = running_containers(own_longshore)
    own_longshore.kill()
    wait_until("the container ends", lambda: not any(pid_exists(pid) for pid in pids.values()), 20)
    own_longshore.start()
    [task] = cluster.wait([arn], "STOPPED")
    assert task["containers"][0]["exitCode"] == 5
    assert cluster.wait_for_message("ends", arn, "main", "end") == ["up", "end"]


def test_a_clean_stop_keeps_the_tasks(own_longshore, tmp_path):
    cluster = Cluster(own_longshore)
    cluster.ecr.create_repository(repositoryName="box")
    image = push(own_longshore, busybox_layout(tmp_path / "layout"), "box")
    definition = cluster.register("stays", [
        {"name": "main", "image": image, "command": ["sleep", "600"], "stopTimeout": 2}])
    arns = cluster.run(definition, count=2)
    cluster.wait(arns, "RUNNING")
    before = running_containers(own_longshore)
    assert own_longshore.process.stop() == 0
    assert all(pid_exists(pid) for pid in before.values())
    own_longshore.start()
    assert running_containers(own_longshore) == before
    cluster.stop(arns)
