"""What S3 checks and moto does not: signatures in addresses, headers that are not signed, checksums of parts."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlencode

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "test"  # both halves of the key that the tests use


def action(environ):
    """The name of the call, of those that write in parts; None for any other."""
    query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    of_object = "/" in environ["PATH_INFO"].strip("/")
    match environ["REQUEST_METHOD"]:
        case "HEAD" if not of_object:
            return "HeadBucket"
        case "POST" if of_object and "uploads" in query:
            return "CreateMultipartUpload"
        case "PUT" if of_object and "partNumber" in query:
            return "UploadPart"
        case "POST" if of_object and "uploadId" in query:
            return "CompleteMultipartUpload"
        case "DELETE" if of_object and "uploadId" in query:
            return "AbortMultipartUpload"
    return None


def refusal(environ, body):
    """Status, code and message of what S3 says to the request, if it refuses it."""
    query = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
    given = dict(query)
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if "X-Amz-Signature" in given:
        signed = given["X-Amz-SignedHeaders"].split(";")
        if unsigned := [name for name in headers if name.startswith("x-amz-") and name not in signed]:
            return 403, "AccessDenied", f"There were headers present in the request which were not signed: {unsigned}"
        if given["X-Amz-Signature"] != signature(environ, query, given, {name: environ.get("CONTENT_TYPE", "") if
                                                 name == "content-type" else headers.get(name, "") for name in signed}):
            return 403, "SignatureDoesNotMatch", "The request signature we calculated does not match"
    checksum = headers.get("x-amz-checksum-sha256")
    if checksum and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
        return 400, "BadDigest", "The SHA256 you specified did not match the calculated checksum."
    return None


def signature(environ, query, given, headers):
    """The signature as botocore makes it."""
    key, _date, region, service, _ = given["X-Amz-Credential"].split("/")
    if key != KEY:
        return given["X-Amz-Signature"]
    rest = urlencode([(name, value) for name, value in query if name != "X-Amz-Signature"])
    path = environ["RAW_URI"].split("?")[0]
    url = f"http://{environ['HTTP_HOST']}{path}?{rest}"
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers=headers)
    request.context["timestamp"] = given["X-Amz-Date"]
    auth = S3SigV4QueryAuth(Credentials(KEY, KEY), service, region)
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request)
