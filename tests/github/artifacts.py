"""GitHub's artifact service, its blob storage (Azurite behind a pass-through) and the tokens of a job."""

import base64
import dataclasses
import hashlib
import hmac
import itertools
import json
import re
import time
import uuid
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from aiohttp import web

SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
ACCOUNT = "devstoreaccount1"  # Azurite's only account; its key is public
ACCOUNT_KEY = base64.b64decode(
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
CONTAINER = "actions-results"
SAS_VERSION = "2020-12-06"
UPLOAD_LIFETIME, DOWNLOAD_LIFETIME, ID_TOKEN_LIFETIME = 3600, 600, 300  # seconds
RUN_ID = "1658821493"
ZIP = "application/zip"
NAME_MUST_NOT_HAVE = set('":<>|*?\r\n\\/')
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
IDS = {"workflow_run_backend_id", "workflow_job_run_backend_id"}
FIELDS = {  # required, optional
    "CreateArtifact": ({"name", "version"}, {"expires_at", "mime_type"}),
    "FinalizeArtifact": ({"name", "size"}, {"hash"}),
    "ListArtifacts": (set(), {"name_filter", "id_filter"}),
    "GetSignedArtifactURL": ({"name"}, set()),
    "DeleteArtifact": ({"name"}, set()),
}


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclasses.dataclass
class Artifact:
    run: str
    job: str
    name: str
    version: int
    mime_type: str | None
    expires_at: str | None
    blob: str
    upload_query: str
    id: int | None = None  # none before it is finalized
    size: int | None = None
    hash: str | None = None
    created_at: str | None = None

    def content_type(self):
        return self.mime_type or ZIP

    def describe(self):
        return {
            "workflow_run_backend_id": self.run, "workflow_job_run_backend_id": self.job, "database_id": str(self.id),
            "name": self.name, "size": str(self.size), "created_at": self.created_at, "digest": self.hash,
        }


class Tokens:
    """JSON web tokens, as a job gets them."""

    def __init__(self):
        self.key = uuid.uuid4().bytes
        self.runs = {}

    def job(self, run_id=RUN_ID, expires_in=22800):
        run = self.runs.setdefault(str(run_id), str(uuid.uuid4()))
        job = str(uuid.uuid4())
        scopes = f"Actions.ExampleScope Actions.Results:{run}:{job}"
        claims = {"scp": scopes, "run_id": str(run_id), **lifetime(expires_in)}
        return {"token": self.sign(claims), "run_id": str(run_id), "run_backend_id": run, "job_backend_id": job}

    def identity(self, job_claims, audience, repository):
        """What a cloud gets to see of a job."""
        owner = repository.split("/")[0]
        return self.sign({
            "iss": "https://token.actions.githubusercontent.com", "aud": audience, "jti": str(uuid.uuid4()),
            "sub": f"repo:{repository}:ref:refs/heads/main", "ref": "refs/heads/main", "ref_type": "branch",
            "repository": repository, "repository_owner": owner, "run_id": job_claims["run_id"], "run_attempt": "1",
            "runner_environment": "github-hosted", **lifetime(ID_TOKEN_LIFETIME),
        })

    def sign(self, claims):
        parts = [encode(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims)]
        return ".".join([*parts, self.signature(parts)])

    def signature(self, parts):
        return encode(hmac.digest(self.key, ".".join(parts).encode(), "sha256"))

    def claims(self, request):
        """Those of the token that came with the request."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        *parts, signature = token.split(".")
        if scheme.lower() != "bearer" or len(parts) != 2 or not hmac.compare_digest(signature, self.signature(parts)):
            raise Refused(401, "unauthenticated", "no runtime token of this service")
        claims = json.loads(decode(parts[1]))
        if claims["exp"] <= time.time():
            raise Refused(401, "unauthenticated", "token is expired")
        return claims


class ArtifactService:
    def __init__(self, origin, azurite, session, tokens):
        self.origin, self.azurite, self.session, self.tokens = origin, azurite, session, tokens
        self.artifacts = []
        self.upload_lifetime = UPLOAD_LIFETIME
        self.ids = itertools.count(2**32)  # GitHub's are about to leave 32 bits

    async def create_container(self):
        query = account_query("c")
        async with self.session.put(f"{self.azurite}/{ACCOUNT}/{CONTAINER}?restype=container&{query}") as answer:
            assert answer.status == 201, await answer.text()

    async def call(self, request):
        try:
            answer = await self.answer(request)
        except Refused as refusal:
            return web.json_response({"code": refusal.code, "msg": refusal.message}, status=refusal.status)
        return web.json_response(answer)

    async def answer(self, request):
        claims = self.tokens.claims(request)
        method = request.match_info["method"]
        if method not in FIELDS:
            raise Refused(404, "bad_route", f"no handler for path {request.path}")
        if request.content_type != "application/json":
            raise Refused(404, "bad_route", f"unexpected Content-Type: {request.content_type}")
        try:
            fields = {snake_case(name): value for name, value in (await request.json()).items()}
        except (ValueError, AttributeError):
            raise Refused(400, "malformed", "the json request could not be decoded") from None
        required, optional = FIELDS[method]
        if missing := (required | IDS) - fields.keys():
            raise Refused(400, "invalid_argument", f"missing: {', '.join(sorted(missing))}")
        if unknown := fields.keys() - required - optional - IDS:
            raise Refused(400, "invalid_argument", f"unknown: {', '.join(sorted(unknown))}")
        run, job = results_scope(claims)
        if fields["workflow_run_backend_id"] != run:
            raise Refused(403, "permission_denied", "not the workflow run of the token")
        if method in ("CreateArtifact", "FinalizeArtifact") and fields["workflow_job_run_backend_id"] != job:
            raise Refused(403, "permission_denied", "not the job of the token")
        match method:
            case "CreateArtifact":
                return self.create(run, job, fields)
            case "FinalizeArtifact":
                return await self.finalize(run, job, fields)
            case "ListArtifacts":
                return {"artifacts": [artifact.describe() for artifact in self.listed(run, fields)]}
            case "GetSignedArtifactURL":
                artifact = self.finalized(fields)
                disposition = f'attachment; filename="{artifact.name}"'
                query = blob_query(artifact.blob, "r", DOWNLOAD_LIFETIME, disposition)
                return {"signed_url": self.url(artifact.blob, query)}
            case "DeleteArtifact":
                artifact = self.finalized(fields)
                self.artifacts.remove(artifact)
                return {"ok": True, "artifact_id": str(artifact.id)}

    def create(self, run, job, fields):
        name, version, mime_type = fields["name"], fields["version"], fields.get("mime_type")
        if not isinstance(name, str) or not name or NAME_MUST_NOT_HAVE & set(name):
            raise Refused(400, "invalid_argument", "the artifact name is not valid")
        if (version, bool(mime_type)) not in ((4, False), (7, True)):
            raise Refused(400, "invalid_argument", "version must be 4, or 7 with a mime_type")
        expires_at = fields.get("expires_at")
        if expires_at is not None and not in_the_future(expires_at):
            raise Refused(400, "invalid_argument", "expires_at is not an RFC 3339 time in the future")
        if any((artifact.run, artifact.name) == (run, name) for artifact in self.artifacts):
            raise Refused(409, "already_exists", "an artifact with this name already exists on the workflow run")
        blob = f"workflow-job-run-{job}/artifacts/{uuid.uuid4().hex}"
        query = blob_query(blob, "cw", self.upload_lifetime)
        self.artifacts.append(Artifact(run, job, name, version, mime_type, expires_at, blob, query))
        return {"ok": True, "signed_upload_url": self.url(blob, query)}

    async def finalize(self, run, job, fields):
        found = [a for a in self.artifacts if (a.run, a.job, a.name, a.id) == (run, job, fields["name"], None)]
        if not found:
            raise Refused(404, "not_found", "no upload of this name is open")
        [artifact] = found
        stored = await self.stored(artifact)
        if not stored:
            raise Refused(400, "failed_precondition", "nothing has been uploaded")
        size, digest = stored
        if str(fields["size"]) != str(size):
            raise Refused(400, "invalid_argument", f"size is {fields['size']}, but {size} bytes are stored")
        if fields.get("hash", digest) != digest:
            raise Refused(400, "invalid_argument", f"hash is {fields['hash']}, but what is stored has {digest}")
        artifact.size, artifact.hash, artifact.created_at = size, fields.get("hash"), rfc3339(time.time())
        artifact.id = next(self.ids)
        return {"ok": True, "artifact_id": str(artifact.id)}

    async def stored(self, artifact):
        """Size and digest of what Azurite has, if anything is committed."""
        query = blob_query(artifact.blob, "r", DOWNLOAD_LIFETIME)
        async with self.session.get(f"{self.azurite}{blob_path(artifact.blob)}?{query}") as answer:
            if answer.status != 200:
                return None
            size, digest = 0, hashlib.sha256()
            async for chunk in answer.content.iter_any():
                size += len(chunk)
                digest.update(chunk)
            return size, f"sha256:{digest.hexdigest()}"

    def listed(self, run, fields):
        return [
            artifact for artifact in self.artifacts
            if artifact.id and artifact.run == run and fields.get("name_filter") in (None, artifact.name)
            and str(fields.get("id_filter", artifact.id)) == str(artifact.id)
        ]

    def finalized(self, fields):
        for artifact in self.listed(fields["workflow_run_backend_id"], {"name_filter": fields["name"]}):
            if artifact.job == fields["workflow_job_run_backend_id"]:
                return artifact
        raise Refused(404, "not_found", "artifact not found")

    def url(self, blob, query):
        return f"{self.origin}{blob_path(blob)}?{query}"

    def check_blob_request(self, request):
        """What Azure refuses and Azurite does not, and what only some other server would take."""
        if "Authorization" in request.headers:
            return blob_error(400, "InvalidAuthenticationInfo", "Authorization beside a signature in the URL")
        if "x-ms-version" not in request.headers and request.method != "GET":
            return blob_error(400, "MissingRequiredHeader", "x-ms-version")
        if request.method != "PUT":
            return None
        if "Content-Length" not in request.headers:
            return blob_error(411, "MissingContentLengthHeader", "Content-Length")
        artifact = next((a for a in self.artifacts if blob_path(a.blob) == request.path), None)
        if artifact is None:
            return blob_error(404, "ResourceNotFound", "no such upload")
        if not request.raw_path.partition("?")[2].startswith(artifact.upload_query + "&"):
            return blob_error(403, "AuthenticationFailed", "the signed URL has not been used as it was given out")
        match request.query.get("comp"):
            case "block":
                return None
            case "blocklist":
                if request.headers.get("x-ms-blob-content-type") != artifact.content_type():
                    return blob_error(400, "InvalidHeaderValue", f"x-ms-blob-content-type: {artifact.content_type()}")
                return None
        return blob_error(400, "InvalidQueryParameterValue", "only blocks and block lists are taken everywhere")


def results_scope(claims):
    [scope] = [scope for scope in claims["scp"].split() if scope.startswith("Actions.Results:")]
    return scope.split(":")[1:]


def blob_path(blob):
    return f"/{ACCOUNT}/{CONTAINER}/{blob}"


def blob_query(blob, permissions, seconds, disposition=""):
    """A shared access signature for one blob."""
    start, end = (rfc3339(time.time() + offset) for offset in (-60, seconds))
    signed = [permissions, start, end, f"/blob{blob_path(blob)}", "", "", "https,http", SAS_VERSION, "b", "", "", "",
              disposition, "", "", ""]
    query = {"sp": permissions, "st": start, "se": end, "spr": "https,http", "sv": SAS_VERSION, "sr": "b"}
    if disposition:
        query["rscd"] = disposition
    return urlencode({**query, "sig": shared_signature("\n".join(signed))}, quote_via=quote, safe="")


def account_query(permissions):
    """A shared access signature for the containers of the account."""
    end = rfc3339(time.time() + DOWNLOAD_LIFETIME)
    signed = [ACCOUNT, permissions, "b", "c", "", end, "", "https,http", SAS_VERSION, "", ""]
    query = {"sv": SAS_VERSION, "ss": "b", "srt": "c", "sp": permissions, "se": end, "spr": "https,http"}
    return urlencode({**query, "sig": shared_signature("\n".join(signed))}, quote_via=quote, safe="")


def shared_signature(text):
    return base64.b64encode(hmac.digest(ACCOUNT_KEY, text.encode(), "sha256")).decode()


def blob_error(status, code, message):
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    text = f'<?xml version="1.0" encoding="utf-8"?>{error}'
    return web.Response(status=status, text=text, content_type="application/xml", headers={"x-ms-error-code": code})


def lifetime(seconds):
    now = int(time.time())
    return {"nbf": now - 300, "iat": now, "exp": now + seconds}


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_the_future(text):
    try:
        return bool(RFC3339.fullmatch(text)) and datetime.fromisoformat(text) > datetime.now(UTC)
    except (TypeError, ValueError):
        return False


def snake_case(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def encode(content):
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
