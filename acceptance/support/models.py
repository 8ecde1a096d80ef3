"""botocore's models as judges: does an answer hold exactly what the service's model says, and of that type?"""

import json
import numbers
import re
import xml.etree.ElementTree as ElementTree


class Judge:
    """Listens to a client and judges every answer's raw bytes."""

    def __init__(self, client):
        self.client = client
        self.service = client.meta.service_model
        self.faults = []
        self.judged = 0
        client.meta.events.register("response-received.*", self._received)
        client.meta.events.register("before-parse.*", self._raw)

    def _raw(self, operation_model=None, response_dict=None, **_):
        status, body = response_dict["status_code"], response_dict["body"]
        where = f"{self.service.service_name}.{operation_model.name}"
        headers = {k.lower(): v for k, v in response_dict["headers"].items()}
        self.judged += 1
        if "x-amzn-requestid" not in headers:
            self.faults.append(f"{where}: no x-amzn-RequestId")
        if status >= 300:
            return self._error(where, operation_model, status, body)
        if self.service.resolved_protocol == "json":
            value = json.loads(body) if body else {}
            self._value(where, operation_model.output_shape, value)
        else:
            self._xml(where, operation_model, body)

    def _received(self, **_):
        pass

    def _error(self, where, model, status, body):
        if self.service.resolved_protocol == "json":
            error = json.loads(body)
            code = error.get("__type", "")
            message = error.get("message") or error.get("Message")
        else:
            text = re.sub(r' xmlns="[^"]+"', "", body.decode())
            root = ElementTree.fromstring(text)
            code, message = root.findtext(".//Error/Code"), root.findtext(".//Error/Message")
            if not (root.findtext(".//RequestId") or root.findtext(".//RequestID")):
                self.faults.append(f"{where}: an error without request id")
        if not code or not message:
            self.faults.append(f"{where}: an error without code or message: {body!r}")
        # The common errors of all services are in no model.
        modelled = {e.name for e in model.error_shapes} | {e.metadata.get("error", {}).get("code") for e in model.error_shapes}
        common = {"ValidationException", "ValidationError", "SerializationException", "AccessDeniedException", "InvalidParameterValue",
                  "MissingParameter", "UnknownOperationException", "InvalidAction", "UnsupportedOperation"}
        if self.service.resolved_protocol == "json" and code not in modelled | common:
            self.faults.append(f"{where}: {code} is not documented for the operation")
        if not 400 <= status < 500:
            self.faults.append(f"{where}: HTTP {status}")

    def _value(self, where, shape, value):
        if shape is None:
            if value not in ({}, None):
                self.faults.append(f"{where}: an answer where the model has none: {value}")
            return
        kind = shape.type_name
        fits = {
            "structure": lambda: isinstance(value, dict), "list": lambda: isinstance(value, list),
            "map": lambda: isinstance(value, dict), "string": lambda: isinstance(value, str),
            "boolean": lambda: isinstance(value, bool), "blob": lambda: isinstance(value, str),
            "integer": lambda: _whole(value), "long": lambda: _whole(value),
            "float": lambda: _number(value), "double": lambda: _number(value), "timestamp": lambda: _number(value),
        }[kind]()
        if not fits:
            return self.faults.append(f"{where}: {kind} expected, found {value!r}")
        if kind == "structure":
            names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            for name, inner in value.items():
                if name not in names:
                    self.faults.append(f"{where}: {name!r} is not a member")
                elif inner is None:
                    self.faults.append(f"{where}.{name}: null")
                else:
                    self._value(f"{where}.{name}", names[name], inner)
            for name in shape.required_members:
                if name not in value:
                    self.faults.append(f"{where}: required {name!r} is missing")
        elif kind == "list":
            for at, inner in enumerate(value):
                self._value(f"{where}[{at}]", shape.member, inner)
        elif kind == "map":
            for key, inner in value.items():
                self._value(f"{where}[{key}]", shape.value, inner)
        elif kind == "string" and shape.enum and value not in shape.enum:
            self.faults.append(f"{where}: {value!r} is not of the enumeration")

    def _xml(self, where, model, body):
        root = ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", body.decode()))
        if self.service.resolved_protocol == "ec2":
            if root.tag != f"{model.name}Response" or not root.findtext("requestId"):
                self.faults.append(f"{where}: not an EC2 answer: {root.tag}")
            # EC2 answers <return>true</return> where its model has no output.
            none = not (model.output_shape and model.output_shape.members)
            element = [c for c in root if c.tag != "requestId" and not (none and c.tag == "return" and c.text == "true")]
        else:
            if not root.findtext("ResponseMetadata/RequestId"):
                self.faults.append(f"{where}: no ResponseMetadata/RequestId")
            wrapper = model.output_shape.serialization.get("resultWrapper") if model.output_shape else None
            element = list(root.find(wrapper)) if wrapper else []
        self._members(where, model.output_shape, element)

    def _members(self, where, shape, elements):
        names = {m.serialization.get("name", name): m for name, m in (shape.members.items() if shape else ())}
        for child in elements:
            if child.tag not in names:
                self.faults.append(f"{where}: <{child.tag}> is not a member")
                continue
            self._element(f"{where}.{child.tag}", names[child.tag], child)

    def _element(self, where, shape, element):
        kind = shape.type_name
        if kind == "structure":
            self._members(where, shape, list(element))
        elif kind == "list":
            for child in element:
                self._element(where, shape.member, child)
        elif kind == "boolean" and element.text not in ("true", "false"):
            self.faults.append(f"{where}: {element.text!r} is no boolean")
        elif kind in ("integer", "long") and not re.fullmatch(r"-?\d+", element.text or ""):
            self.faults.append(f"{where}: {element.text!r} is no number")
        elif kind == "timestamp" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", element.text or ""):
            self.faults.append(f"{where}: {element.text!r} is no timestamp")


def _whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
