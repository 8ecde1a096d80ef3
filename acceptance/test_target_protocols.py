"""What load balancers speak with targets besides plain HTTP/1.1: TLS, HTTP/2, gRPC, WebSockets, PROXY protocol."""

import json
import socket
import ssl
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import websocket

from support.balancer import Upstream
from support.iam import CERTIFICATE, KEY, upload
from support.longshore import Longshore
from support.process import Started, free_port, run, wait_until
from test_elbv2 import Balancing, forward

HOST = "web.test"


class Protocols(Balancing):
    """A load balancer of each kind, and a certificate for HOST."""

    def __init__(self, longshore, directory):
        super().__init__(longshore)
        iam = longshore.client("iam")
        self.certificate = iam.upload_server_certificate(**upload("protocols"))["ServerCertificateMetadata"]["Arn"]
        self.authority, self.key = directory / "web.pem", directory / "web.key"
        self.authority.write_text(CERTIFICATE)
        self.key.write_text(KEY)
        self.application, _ = self.load_balancer("protocols")
        self.network, _ = self.load_balancer("connections", Type="network")

    def secure(self, group, load_balancer=None, **more):
        """The port of a listener with TLS that forwards to the group."""
        port = free_port()
        protocol = "TLS" if load_balancer == self.network else "HTTPS"
        self.listener(load_balancer or self.application, port, forward(group), protocol=protocol,
                      Certificates=[{"CertificateArn": self.certificate}], **more)
        return port

    def target_group(self, name, port, **settings):
        arn = self.elb.create_target_group(Name=name, VpcId=self.vpc, TargetType="ip", Port=80, HealthCheckIntervalSeconds=5,
                                           HealthCheckTimeoutSeconds=2, **settings)["TargetGroups"][0]["TargetGroupArn"]
        self.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": port}])
        return arn

    def context(self):
        return ssl.create_default_context(cadata=CERTIFICATE)

    def curl(self, port, *options):
        """The body of the answer, its status, and the version of HTTP that was spoken."""
        told = run(["curl", "-sS", "--cacert", self.authority, "--resolve", f"{HOST}:{port}:127.0.0.1", *options,
                    "-w", "\n%{http_code}\n%{http_version}", f"https://{HOST}:{port}/x"])
        return told.rsplit("\n", 2)


@pytest.fixture(scope="module")
def protocols(tmp_path_factory):
    longshore = Longshore(node=False).start()
    yield Protocols(longshore, tmp_path_factory.mktemp("protocols"))
    longshore.remove()


class Asgi:
    """A target that tells what was spoken with it."""

    def __init__(self, directory, name, *pair):
        self.name, self.port = name, free_port()
        script = f"{__file__.rpartition('/')[0]}/support/asgi_upstream.py"
        self.process = Started([sys.executable, script, self.port, name, *pair], directory / f"{name}.log")
        wait_until(f"{name} listens", lambda: socket.create_connection(("127.0.0.1", self.port), 5).close() is None)


@pytest.fixture(scope="module")
def targets(protocols, tmp_path_factory):
    directory = tmp_path_factory.mktemp("targets")
    targets = {"plain": Asgi(directory, "plain"), "secure": Asgi(directory, "secure", protocols.authority, protocols.key)}
    yield targets
    for target in targets.values():
        target.process.kill()


@pytest.mark.parametrize("protocol, version, spoken", [("HTTPS", "HTTP1", "1.1"), ("HTTPS", "HTTP2", "2"), ("HTTP", "HTTP2", "2")])
def test_requests_reach_targets_in_their_protocol(protocols, targets, protocol, version, spoken):
    target = targets["secure" if protocol == "HTTPS" else "plain"]
    group = protocols.target_group(f"{protocol}-{version}", target.port, Protocol=protocol, ProtocolVersion=version,
                                   HealthCheckProtocol=protocol)
    port = protocols.secure(group)
    protocols.healthy(group)
    body, _, client = protocols.curl(port, "-d", "hello")
    told = json.loads(body)
    assert (told["name"], told["version"], told["length"], client) == (target.name, spoken, 5, "2")
    assert dict(map(tuple, told["headers"]))["x-forwarded-proto"] == "https"
    _, status, _ = protocols.curl(port, "--http1.1")
    assert status == ("200" if version == "HTTP1" else "464"), "a group of HTTP/2 takes no HTTP/1.1"


class Calls(grpc.GenericRpcHandler):
    """A gRPC service without generated code: messages are bytes."""

    def __init__(self):
        self.status = grpc.StatusCode.OK

    def service(self, call):
        known = {"/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
                 "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
                 "/test.Echo/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
                 "/test.Health/Check": grpc.unary_unary_rpc_method_handler(self.check)}
        return known.get(call.method)

    def unary(self, request, context):
        context.set_trailing_metadata((("x-trailer", dict(context.invocation_metadata())["x-asked"]),))
        return request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    def chat(self, requests, context):
        for request in requests:
            yield b"got " + request

    def check(self, request, context):
        if self.status != grpc.StatusCode.OK:
            context.abort(self.status, "")
        return b""


@pytest.fixture(scope="module")
def calls():
    handler = Calls()
    server = grpc.server(ThreadPoolExecutor(8), handlers=[handler])
    handler.port = server.add_insecure_port("127.0.0.1:0")
    handler.secure_port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(KEY.encode(), CERTIFICATE.encode())]))
    server.start()
    yield handler
    server.stop(None)


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
def test_grpc_calls_pass_with_their_trailers(protocols, calls, protocol):
    group = protocols.target_group(f"grpc-{protocol}", calls.port if protocol == "HTTP" else calls.secure_port,
                                   Protocol=protocol, ProtocolVersion="GRPC", HealthCheckProtocol=protocol)
    port = protocols.secure(group)
    # The path of the default check is nobody's, so that its answer is UNIMPLEMENTED: 12, ELB's default.
    protocols.healthy(group)
    credentials = grpc.ssl_channel_credentials(CERTIFICATE.encode())
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, (("grpc.ssl_target_name_override", HOST),)) as channel:
        answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"x" * 100_000, metadata=(("x-asked", "7"),), timeout=60)
        assert answer == b"x" * 100_000 and ("x-trailer", "7") in tuple(call.trailing_metadata())
        with pytest.raises(grpc.RpcError) as failed:
            channel.unary_unary("/test.Echo/Fail")(b"", timeout=60)
        assert (failed.value.code(), failed.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not now")
        with pytest.raises(grpc.RpcError) as unknown:
            channel.unary_unary("/test.Echo/None")(b"", timeout=60)
        assert unknown.value.code() == grpc.StatusCode.UNIMPLEMENTED
        # Each message is answered before the next is sent: nothing waits for the end of the stream.
        said, asked = [], threading.Semaphore()

        def messages():
            for number in range(5):
                asked.acquire()
                yield b"%d" % number
        for answer in channel.stream_stream("/test.Echo/Chat")(messages(), timeout=60):
            said.append(answer)
            asked.release()
        assert said == [b"got %d" % number for number in range(5)]
    assert protocols.curl(port)[1] == "464", "a GET is no call"


def test_grpc_health_checks_judge_by_status(protocols, calls):
    group = protocols.target_group("grpc-health", calls.port, Protocol="HTTP", ProtocolVersion="GRPC", HealthCheckPath="/test.Health/Check",
                                   Matcher={"GrpcCode": "0,5-7"}, UnhealthyThresholdCount=2)
    calls.status = grpc.StatusCode.NOT_FOUND
    protocols.secure(group)
    protocols.healthy(group)
    calls.status = grpc.StatusCode.UNAVAILABLE
    told = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed with these codes: [14]"}
    wait_until("it is unhealthy", lambda: protocols.health(group)[calls.port] == told, 60)
    calls.status = grpc.StatusCode.OK


def test_websockets_pass_through_tls(protocols):
    upstream = Upstream("socket")
    try:
        group = protocols.group("socket", [upstream])
        port = protocols.secure(group)
        protocols.healthy(group)
        client = websocket.create_connection(f"wss://127.0.0.1:{port}/socket", timeout=60, host=HOST,
                                             sslopt={"context": protocols.context(), "server_hostname": HOST})
        for size in (1, 70_000):
            client.send("x" * size)
            assert client.recv() == "x" * size
        client.close()
    finally:
        upstream.remove()


class Proxied:
    """A target that reads the header of PROXY protocol 2 and then answers with what it said and got."""

    def __init__(self):
        self.checks = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection, connection.makefile("rb") as file:
            head = file.read(16)
            if head[:12] != b"\r\n\r\n\x00\r\nQUIT\n":
                return self.checks.append(head)
            command, family, length = struct.unpack(">BBH", head[12:])
            rest = file.read(length)
            if command == 0x20:
                # Nobody's connection: a health check, which speaks HTTP where it is told to.
                self.checks.append(b"local")
                if file.readline().startswith(b"GET "):
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return None
            source, target, *ports = struct.unpack(">4s4sHH", rest[:12])
            told = {"family": family, "from": [socket.inet_ntoa(source), ports[0]], "to": [socket.inet_ntoa(target), ports[1]]}
            connection.sendall(json.dumps(told | {"got": file.readline().decode()}).encode() + b"\n")
            return connection.recv(1)


@pytest.mark.parametrize("check", ["TCP", "HTTP"])
def test_network_load_balancers_tell_who_connects(protocols, check):
    target = Proxied()
    group = protocols.target_group(f"proxied-{check}", target.port, Protocol="TCP", HealthCheckProtocol=check)
    protocols.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "proxy_protocol_v2.enabled", "Value": "true"}])
    secure, plain = protocols.secure(group, protocols.network), free_port()
    protocols.listener(protocols.network, plain, forward(group), protocol="TCP")
    protocols.healthy(group)
    assert set(target.checks) == {b"local"}, "checks bear a header too, without a client"
    for port in (plain, secure):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            own = client.getsockname()
            stream = protocols.context().wrap_socket(client, server_hostname=HOST) if port == secure else client
            stream.sendall(b"hello\n")
            told = json.loads(stream.makefile().readline())
            assert told == {"family": 0x11, "from": list(own), "to": ["127.0.0.1", port], "got": "hello\n"}
    target.socket.close()


class Echo:
    """A target that echoes, over TLS if it has a context, and knows its connections."""

    def __init__(self, context=None):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, args=(context,), daemon=True).start()

    def serve(self, context):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=(connection, context), daemon=True).start()

    def echo(self, connection, context):
        try:
            stream = context.wrap_socket(connection, server_side=True) if context else connection
            while data := stream.recv(65536):
                stream.sendall(data)
        except OSError:
            pass


def test_connections_go_on_in_tls_to_targets(protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(protocols.authority, protocols.key)
    target = Echo(context)
    group = protocols.target_group("tls", target.port, Protocol="TLS")
    port = protocols.secure(group, protocols.network)
    protocols.healthy(group)
    with protocols.context().wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname=HOST) as client:
        client.sendall(b"there and back")
        assert client.recv(100) == b"there and back"
    target.socket.close()


def logged(protocols, group, stream):
    """The messages of a log stream, each as its fields."""
    logs = protocols.longshore.client("logs")
    try:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].split() for event in events]


def log_to(protocols, load_balancer, kind, group):
    protocols.longshore.client("logs").create_log_group(logGroupName=group)
    protocols.elb.modify_load_balancer_attributes(LoadBalancerArn=load_balancer, Attributes=[
        {"Key": f"{kind}.s3.enabled", "Value": "true"}, {"Key": f"{kind}.s3.bucket", "Value": group}])
    return "AWSLogs/123456789012/elasticloadbalancing/us-east-2/"


def test_connections_of_an_application_load_balancer_are_logged(protocols):
    load_balancer, _ = protocols.load_balancer("logged")
    stream = log_to(protocols, load_balancer, "connection_logs", "connections") + "conn_log.app.logged." + load_balancer.rpartition("/")[2]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    plain, secure = free_port(), free_port()
    protocols.listener(load_balancer, plain, fixed)
    protocols.listener(load_balancer, secure, fixed, protocol="HTTPS", Certificates=[{"CertificateArn": protocols.certificate}])
    wait_until("it answers", lambda: protocols.curl(secure)[1] == "200")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", secure), timeout=60) as client:
        context.wrap_socket(client, server_hostname=HOST)
    run(["curl", "-sS", f"http://127.0.0.1:{plain}/a", f"http://127.0.0.1:{plain}/b"])

    def all_three():
        lines = logged(protocols, "connections", stream)
        kinds = {line[10]: line for line in lines}
        return {"Success", "Failed:UnmappedConnectionError", "-"} <= kinds.keys() and (lines, kinds)
    lines, kinds = wait_until("the connections are logged", all_three, 60)
    assert {len(line) for line in lines} == {13}
    made, failed, bare = kinds["Success"], kinds["Failed:UnmappedConnectionError"], kinds["-"]
    assert (made[1], made[3], made[4]) == ("127.0.0.1", str(secure), "TLSv1.3") and made[5].startswith("TLS_") and float(made[6]) >= 0
    assert failed[3] == str(secure) and failed[4:7] == ["-", "-", "-"]
    assert bare[3] == str(plain) and [line[10] for line in lines].count("-") == 1, "two requests of one connection"
    assert made[11].startswith("TID_") and len({line[11] for line in lines}) == len(lines)


def test_connections_with_tls_of_a_network_load_balancer_are_logged(protocols):
    load_balancer, _ = protocols.load_balancer("counted", Type="network")
    name = load_balancer.rpartition("loadbalancer/")[2]
    stream = log_to(protocols, load_balancer, "access_logs", "flows") + name.replace("/", ".")
    target = Echo()
    group = protocols.target_group("counted", target.port, Protocol="TCP")
    port = free_port()
    listener = protocols.listener(load_balancer, port, forward(group), protocol="TLS", Certificates=[{"CertificateArn": protocols.certificate}],
                                  AlpnPolicy=["HTTP2Preferred"])
    protocols.healthy(group)
    context = protocols.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname=HOST) as client:
        client.sendall(b"x" * 1000)
        got = b""
        while len(got) < 1000:
            got += client.recv(1000)
    [line] = wait_until("it is logged", lambda: logged(protocols, "flows", stream), 60)
    assert line[:2] == ["tls", "2.0"] and line[3:5] == [name, listener.rpartition("/")[2]]
    assert line[6] == f"127.0.0.1:{port}" and line[9:12] == ["1000", "1000", "-"] and int(line[7]) >= int(line[8])
    assert line[12] == protocols.certificate and line[15:18] == ["tlsv13", "-", HOST] and line[18:21] == ["h2", "-", '"h2","http/1.1"']
    assert len(line) == 22
    target.socket.close()


@pytest.mark.parametrize("cut", [True, False])
def test_connections_end_with_deregistration_where_that_is_wanted(protocols, cut):
    target = Echo()
    group = protocols.target_group(f"cut-{cut}".lower(), target.port, Protocol="TCP")
    protocols.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "1"},
        {"Key": "deregistration_delay.connection_termination.enabled", "Value": str(cut).lower()}])
    port = free_port()
    protocols.listener(protocols.network, port, forward(group), protocol="TCP")
    protocols.healthy(group)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        protocols.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": target.port}])
        wait_until("it is deregistered", lambda: protocols.health(group) == {})
        if cut:
            assert client.recv(100) == b"", "the connection has ended"
        else:
            client.sendall(b"two")
            assert client.recv(100) == b"two"
    target.socket.close()


@pytest.mark.parametrize("cut", [True, False])
def test_connections_end_with_their_targets_health_where_that_is_wanted(protocols, cut):
    upstream, target = Upstream("sick"), Echo()
    try:
        group = protocols.target_group(f"sick-{cut}".lower(), target.port, Protocol="TCP", HealthCheckProtocol="HTTP", UnhealthyThresholdCount=2,
                                       HealthCheckPath="/health", HealthCheckPort=str(upstream.port))
        key = "target_health_state.unhealthy.connection_termination.enabled"
        attributes = protocols.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
        assert {"Key": key, "Value": "true"} in attributes, "ELB's default"
        protocols.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": key, "Value": str(cut).lower()}])
        port = free_port()
        protocols.listener(protocols.network, port, forward(group), protocol="TCP")
        protocols.healthy(group)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"one")
            assert client.recv(100) == b"one"
            upstream.ask("/status/500")
            wait_until("it is unhealthy", lambda: protocols.health(group)[target.port]["State"] == "unhealthy", 60)
            if cut:
                assert client.recv(100) == b"", "the connection has ended"
            else:
                client.sendall(b"two")
                assert client.recv(100) == b"two"
        # With nobody healthy all are asked, and what begins now goes on.
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"three")
            assert client.recv(100) == b"three"
    finally:
        upstream.remove()
        target.socket.close()


def test_what_a_network_load_balancer_does_not_do_is_refused(protocols):
    elb, refused = protocols.elb, protocols.elb.exceptions
    with pytest.raises(refused.ClientError, match="UDP"):
        protocols.target_group("udp", 53, Protocol="UDP")
    with pytest.raises(refused.UnsupportedProtocolException):
        elb.create_listener(LoadBalancerArn=protocols.network, Port=53, Protocol="UDP", DefaultActions=[{"Type": "fixed-response"}])
    group = protocols.target_group("keeps", 1, Protocol="TCP")
    for key, value in [("preserve_client_ip.enabled", "true")]:
        with pytest.raises(refused.InvalidConfigurationRequestException):
            elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": key, "Value": value}])
