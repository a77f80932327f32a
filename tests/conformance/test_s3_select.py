"""S3 Select as boto3 and the aws CLI see it: rows out of objects, as a stream of events."""

import gzip
import json
import os
import uuid

import pytest
from botocore.exceptions import ClientError, EventStreamError
from conftest import code

CSV = {"CSV": {"FileHeaderInfo": "USE"}}
PEOPLE = b"Name,Age,City\nAnn,31,Oslo\nBob,4,Rome\nCem,17,\"Bonn, am Rhein\"\n"


@pytest.fixture
def s3(cloud):
    return cloud.client("s3")


@pytest.fixture(scope="module")
def bucket(cloud):
    name = f"select-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=name)
    return name


def select(s3, bucket, key, expression, given=None, wanted=None, **more):
    """The rows, and the other events by their names."""
    answer = s3.select_object_content(
        Bucket=bucket, Key=key, Expression=expression, ExpressionType="SQL",
        InputSerialization=given or CSV, OutputSerialization=wanted or {"CSV": {}}, **more,
    )
    rows, others = b"", {}
    for event in answer["Payload"]:
        [(name, value)] = event.items()
        if name == "Records":
            rows += value["Payload"]
        else:
            others[name] = value
    assert "End" in others
    return rows.decode(), others


def test_rows_of_csv(s3, bucket):
    s3.put_object(Bucket=bucket, Key="people", Body=PEOPLE)
    ask = lambda text, **more: select(s3, bucket, "people", text, **more)[0]
    assert ask("SELECT s.Name FROM S3Object s WHERE CAST(s.Age AS INT) > 10") == "Ann\nCem\n"
    assert ask("SELECT COUNT(*), AVG(CAST(Age AS FLOAT)), MAX(CAST(Age AS INT)) FROM S3Object WHERE Age < 20") == "2,10.5,17\n"
    assert ask("SELECT * FROM S3Object WHERE City LIKE 'B%'") == 'Cem,17,"Bonn, am Rhein"\n'
    rows = ask("SELECT Name AS who, Age FROM S3Object LIMIT 2", wanted={"JSON": {"RecordDelimiter": "\n"}})
    assert [json.loads(row) for row in rows.splitlines()] == [{"who": "Ann", "Age": "31"}, {"who": "Bob", "Age": "4"}]
    always = {"CSV": {"QuoteFields": "ALWAYS", "FieldDelimiter": ";", "RecordDelimiter": "|"}}
    assert ask("SELECT Name, City FROM S3Object WHERE Age IN ('4')", wanted=always) == '"Bob";"Rome"|'
    rows, others = select(s3, bucket, "people", "SELECT Age FROM S3Object", RequestProgress={"Enabled": True})
    sizes = {"BytesScanned": len(PEOPLE), "BytesProcessed": len(PEOPLE), "BytesReturned": len(rows)}
    assert others["Stats"]["Details"] == sizes and others["Progress"]["Details"] == sizes


def test_rows_of_json(s3, bucket):
    lines = b'{"id": 1, "tags": ["a", "b"]}\n{"id": 2}\n'
    s3.put_object(Bucket=bucket, Key="lines", Body=lines)
    given = {"JSON": {"Type": "LINES"}}
    ask = lambda text: select(s3, bucket, "lines", text, given, {"JSON": {}})[0]
    assert ask("SELECT s.tags[1] AS t FROM S3Object s WHERE s.tags IS NOT MISSING") == '{"t":"b"}\n'
    document = json.dumps({"rows": [{"id": n, "even": n % 2 == 0} for n in range(10)]})
    s3.put_object(Bucket=bucket, Key="document", Body=document)
    given = {"JSON": {"Type": "DOCUMENT"}}
    rows, _ = select(s3, bucket, "document", "SELECT r.id FROM S3Object[*].rows[*] r WHERE r.even AND r.id >= 4", given)
    assert rows == "4\n6\n8\n"


def test_much_is_streamed(s3, bucket):
    lines = [f"{n},{n * n},{'x' * (n % 50)}" for n in range(400_000)]
    body = ("\n".join(lines) + "\n").encode()
    s3.put_object(Bucket=bucket, Key="much", Body=body)
    plain = {"CSV": {"FileHeaderInfo": "NONE"}}
    rows, others = select(s3, bucket, "much", "SELECT * FROM S3Object", plain)
    assert rows == body.decode()
    assert select(s3, bucket, "much", "SELECT SUM(CAST(_1 AS INT)) FROM S3Object", plain)[0] == f"{sum(range(400_000))}\n"
    s3.put_object(Bucket=bucket, Key="packed", Body=gzip.compress(body))
    rows, others = select(s3, bucket, "packed", "SELECT _1 FROM S3Object WHERE _1 % 100000 = 7", {**plain, "CompressionType": "GZIP"})
    assert rows == "7\n100007\n200007\n300007\n"
    details = others["Stats"]["Details"]
    assert details["BytesProcessed"] == len(body) > details["BytesScanned"]
    # A row that begins within a range is in it, and in no other.
    third = len(body) // 3
    found = ""
    for span in ({"Start": 0, "End": third}, {"Start": third + 1, "End": 2 * third}, {"Start": 2 * third + 1, "End": len(body)}):
        found += select(s3, bucket, "much", "SELECT * FROM S3Object", plain, ScanRange=span)[0]
    assert found == body.decode()
    last, _ = select(s3, bucket, "much", "SELECT _1 FROM S3Object", plain, ScanRange={"End": 70})
    assert last == "399999\n"


def test_what_is_sealed_is_read(s3, bucket):
    sealed = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    s3.put_object(Bucket=bucket, Key="sealed", Body=PEOPLE, **sealed)
    assert select(s3, bucket, "sealed", "SELECT Name FROM S3Object LIMIT 1", **sealed)[0] == "Ann\n"
    assert code(select, s3, bucket, "sealed", "SELECT Name FROM S3Object") == "InvalidRequest"


def test_what_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="people", Body=PEOPLE)
    refused = lambda text, given=None, **more: code(select, s3, bucket, "people", text, given, **more)
    assert refused("SELECT FROM") == "ParseExpectedExpression"
    assert refused("SELECT * FROM elsewhere") == "InvalidDataSource"
    assert refused("SELECT nobody FROM S3Object") == "MissingHeaders"
    assert refused("SELECT CAST(Name AS INT) FROM S3Object") == "CastFailed"
    assert refused("SELECT FLY(Name) FROM S3Object") == "UnsupportedFunction"
    assert refused("SELECT * FROM S3Object", {"JSON": {"Type": "LINES"}}) == "JSONParsingError"
    assert refused("SELECT * FROM S3Object", {**CSV, "CompressionType": "GZIP"}) == "InvalidCompressionFormat"
    assert refused("SELECT * FROM S3Object", {**CSV, "CompressionType": "BZIP2"}) == "NotImplemented"
    with pytest.raises(ClientError, match="Parquet"):
        select(s3, bucket, "people", "SELECT * FROM S3Object", {"Parquet": {}})
    assert code(select, s3, bucket, "nothing", "SELECT * FROM S3Object") == "NoSuchKey"
    assert refused("SELECT * FROM S3Object", ScanRange={"Start": 5, "End": 2}) == "InvalidScanRange"
    s3.put_object(Bucket=bucket, Key="archived", Body=PEOPLE, StorageClass="GLACIER")
    assert code(select, s3, bucket, "archived", "SELECT * FROM S3Object") == "InvalidObjectState"
    # What comes to light after the first rows ends the stream.
    late = b"".join(b"%d\n" % n for n in range(200_000)) + b"word\n"
    s3.put_object(Bucket=bucket, Key="late", Body=late)
    with pytest.raises(EventStreamError, match="CastFailed"):
        select(s3, bucket, "late", "SELECT CAST(_1 AS INT) FROM S3Object", {"CSV": {}})


def test_the_command_line(cloud, s3, bucket, tmp_path):
    s3.put_object(Bucket=bucket, Key="people", Body=PEOPLE)
    out = tmp_path / "rows"
    cloud.cli(
        "s3api", "select-object-content", "--bucket", bucket, "--key", "people",
        "--expression", "SELECT City FROM S3Object WHERE Name = 'Bob'", "--expression-type", "SQL",
        "--input-serialization", json.dumps(CSV), "--output-serialization", json.dumps({"CSV": {}}), str(out),
    )
    assert out.read_text() == "Rome\n"
