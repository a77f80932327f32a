"""Reads our answers with botocore's parsers and compares them with the vectors' results.

Arguments: the folder of output vectors; a JSON list of answers. Prints what differs; exit status 1 if anything does.
"""

import base64
import datetime
import json
import math
import pathlib
import sys

try:
    import botocore.parsers
    from botocore.awsrequest import HeadersDict
    from botocore.model import OperationModel, ServiceModel
except ImportError:
    print("SKIPPED: no botocore to read our answers")
    sys.exit(0)


def plain(value):
    """A parsed value as the vectors write it."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value if inner is not None]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    if hasattr(value, "read"):
        return value.read().decode()
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def same(wanted, got):
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(same(wanted[key], got[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(same, wanted, got))
    if isinstance(wanted, (int, float)) and isinstance(got, (int, float)) and not isinstance(wanted, bool):
        return math.isclose(wanted, got, rel_tol=1e-6, abs_tol=1e-3)
    return wanted == got


class Stream:
    def __init__(self, body):
        self.body = body

    def read(self):
        return self.body


def read(suite, case, answer):
    service = ServiceModel({"metadata": suite["metadata"], "shapes": suite["shapes"], "operations": {}})
    operation = OperationModel(case["given"], service)
    parser = botocore.parsers.create_parser(suite["metadata"]["protocol"])
    body = base64.b64decode(answer["body"])
    if "prefixHeaders" in case.get("result", {}):  # the prefix is empty, and would take our own header too
        answer["headers"].pop("x-amzn-requestid")
    if operation.has_streaming_output and answer["status"] < 300:
        body = Stream(body)
    response = {"headers": HeadersDict(answer["headers"]), "body": body, "status_code": answer["status"]}
    response["context"] = {"operation_name": case["given"]["name"]}
    if answer["status"] < 301:
        return parser.parse(response, operation.output_shape), case.get("result")
    parsed = parser.parse(response, operation.output_shape)
    shape = service.shape_for_error_code(parsed["Error"].get("Code"))
    for candidate in operation.error_shapes:
        shape = shape or (candidate if candidate.name == case["given"]["errors"][0]["shape"] else None)
    fields = parser.parse(response, shape)
    fields["Code"], fields["RequestId"] = parsed["Error"]["Code"], parsed["ResponseMetadata"].get("RequestId")
    wanted = dict(case["error"], Code=case["errorCode"], RequestId="request-1")
    return fields, wanted


def main(vectors, answers):
    failed = done = 0
    suites = {}
    for answer in json.loads(pathlib.Path(answers).read_text()):
        name = answer["file"]
        if name not in suites:
            suites[name] = json.loads((pathlib.Path(vectors) / name).read_text())
        suite = suites[name][answer["suite"]]
        case = suite["cases"][answer["case"]]
        try:
            got, wanted = read(suite, case, answer)
        except Exception as error:  # whatever the parser throws is a failure of ours
            got, wanted = {"exception": repr(error)}, case.get("result")
        wanted = plain(wanted or {})
        got = plain(got)
        for extra in ("ResponseMetadata", "Error", "message", "Message"):
            if extra not in wanted:
                got.pop(extra, None)
        done += 1
        if not same(wanted, got):
            failed += 1
            print(f"{answer['id']}\n   wanted {wanted}\n   read   {got}\n   status {answer['status']} {answer['headers']}")
            print(f"   body   {base64.b64decode(answer['body'])[:600]}")
    print(f"{done - failed} of {done} answers read back by botocore {botocore.__version__}")
    return failed > 0


sys.exit(main(*sys.argv[1:]))
