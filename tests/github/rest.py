"""The part of GitHub's REST API that reports use: comments on issues and commits, and pull requests."""

import asyncio
import itertools
import json
import random
import re
import time

from aiohttp import web

from artifacts import rfc3339

REPOSITORY = "octo-org/octo-repo"
BOT = "github-actions[bot]"
ACCEPT = "application/vnd.github+json"
LONGEST_BODY = 65536
DOCUMENTATION = "https://docs.github.com/rest"
JOB, READ_ONLY, USER, APP = "ghs_job", "ghs_readonly", "ghp_octocat", "ghs_app"
LOGINS = {JOB: BOT, READ_ONLY: BOT, USER: "octocat", APP: "reports[bot]"}
KINDS = {"issue": "IssueComment", "commit": "CommitComment"}


class Refused(Exception):
    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status, self.content = status, {"message": message, "documentation_url": DOCUMENTATION, **more}


class Rest:
    def __init__(self, origin, description):
        """Takes GitHub's own examples for templates, so that every answer has every field."""
        self.origin = origin
        examples = json.dumps(description["components"]["examples"])
        examples = examples.replace("https://api.github.com", origin).replace("octocat/Hello-World", REPOSITORY)
        self.examples = {name: example["value"] for name, example in json.loads(examples).items()}
        self.comments, self.pulls, self.parents, self.ids = [], [], {}, itertools.count(1)
        self.latency = (0, 0)

    def routes(self):
        repository, number = "/repos/{owner}/{repo}", r"{number:\d+}"
        issue, commit = f"{repository}/issues/{number}", f"{repository}/commits/{{sha}}"
        routes = [
            web.get("/user", self.guarded(self.user)),
            web.get(commit, self.guarded(self.get_commit)),
            web.get(f"{repository}/compare/{{base}}...{{head}}", self.guarded(self.compare)),
            web.get(f"{commit}/pulls", self.guarded(self.list_commit_pulls)),
            web.get(f"{repository}/pulls", self.guarded(self.list_pulls)),
            web.get(f"{repository}/pulls/{number}", self.guarded(self.get_pull)),
        ]
        for kind, parent, one in (("issue", issue, f"{repository}/issues/comments/{number}"),
                                  ("commit", commit, f"{repository}/comments/{number}")):
            routes += [
                web.get(f"{parent}/comments", self.guarded(self.list_comments, kind)),
                web.post(f"{parent}/comments", self.guarded(self.create_comment, kind)),
                web.get(one, self.guarded(self.get_comment, kind)),
                web.patch(one, self.guarded(self.update_comment, kind)),
                web.delete(one, self.guarded(self.delete_comment, kind)),
            ]
        return routes

    def guarded(self, handler, *arguments):
        async def guard(request):
            try:
                login = check_headers(request)
                fields = await json_object(request) if request.method in ("POST", "PATCH") else None
                if "owner" in request.match_info and repository(request) != REPOSITORY:
                    raise not_found()
                await asyncio.sleep(random.uniform(*self.latency))
                answer = handler(request, login, fields, *arguments)
                await asyncio.sleep(random.uniform(*self.latency))
                return answer
            except Refused as refusal:
                return web.json_response({**refusal.content, "status": str(refusal.status)}, status=refusal.status)
        return guard

    def user(self, request, login, _fields):
        if login.endswith("[bot]"):
            raise not_accessible()
        return web.json_response({**self.examples["private-user-response-with-public-profile-information"],
                                  **self.author(login)})

    def graphql(self, _request, login, fields):
        """The one query that is asked; GitHub describes no GraphQL in OpenAPI."""
        if fields.get("query") != "{ viewer { login } }":
            return web.json_response({"errors": [{"message": "Parse error"}]})
        return web.json_response({"data": {"viewer": {"login": login}}})

    def list_comments(self, request, _login, _fields, kind):
        parent = self.parent(request, kind)
        return self.page(request, [c for c in self.comments if c["kind"] == kind and c["parent"] == parent])

    def create_comment(self, request, login, fields, kind):
        comment = self.describe(self.add_comment(kind, self.parent(request, kind), login, checked_body(fields, kind)))
        return web.json_response(comment, status=201, headers={"Location": comment["url"]})

    def get_comment(self, request, _login, _fields, kind):
        return web.json_response(self.describe(self.comment(request, kind)))

    def update_comment(self, request, _login, fields, kind):
        comment = self.comment(request, kind)
        comment["body"] = checked_body(fields, kind)
        comment["updated_at"] = rfc3339(time.time())
        return web.json_response(self.describe(comment))

    def delete_comment(self, request, _login, _fields, kind):
        self.comments.remove(self.comment(request, kind))
        return web.Response(status=204)

    def list_commit_pulls(self, request, _login, _fields):
        sha = self.parent(request, "commit")
        return self.page(request, [pull for pull in self.pulls if sha in pull["commits"]])

    def get_commit(self, request, _login, _fields):
        return web.json_response(self.describe_commit(self.parent(request, "commit")))

    def compare(self, request, _login, _fields):
        """The merge base is the first common ancestor, as far as histories were seeded."""
        histories = [self.history(request.match_info[end]) for end in ("base", "head")]
        common = next((sha for sha in histories[1] if sha in histories[0]), None)
        if common is None:
            raise not_found()
        return web.json_response({**self.examples["commit-comparison"],
                                  "merge_base_commit": self.describe_commit(common)})

    def history(self, sha):
        return [sha, *(older for parent in self.parents.get(sha, []) for older in self.history(parent))]

    def describe_commit(self, sha):
        template = self.examples["commit"]
        [parent] = template["parents"]
        return {**template, "sha": sha, "parents": [{**parent, "sha": sha} for sha in self.parents.get(sha, [])]}

    def list_pulls(self, request, _login, _fields):
        state, head = request.query.get("state", "open"), request.query.get("head")
        return self.page(request, [
            pull for pull in self.pulls if state in (pull["state"], "all") and head in (None, head_label(pull))
        ])

    def get_pull(self, request, _login, _fields):
        number = int(request.match_info["number"])
        for pull in self.pulls:
            if pull["number"] == number:
                return web.json_response({**self.examples["pull-request"], **self.describe(pull)})
        raise not_found()

    def add_comment(self, kind, parent, login, body):
        now = rfc3339(time.time())
        comment = {"id": next(self.ids), "kind": kind, "parent": parent, "login": login, "body": body,
                   "created_at": now, "updated_at": now}
        self.comments.append(comment)
        return comment

    def add_pull(self, number, sha, head="feature", head_repository=REPOSITORY, state="open", commits=()):
        self.pulls.append({"kind": "pull", "number": number, "sha": sha, "head": head, "state": state,
                           "head_repository": head_repository, "commits": {sha, *commits}})

    def add_commit(self, sha, parents):
        self.parents[sha] = parents

    def parent(self, request, kind):
        """The issue or the commit of a request. A commit exists if its name could be one, an issue if it was seeded."""
        if kind == "commit":
            sha = request.match_info["sha"]
            if not re.fullmatch(r"[0-9a-f]{40}", sha):
                raise Refused(422, f"No commit found for SHA: {sha}")
            return sha
        number = int(request.match_info["number"])
        if not any(pull["number"] == number for pull in self.pulls) and not any(
                comment["parent"] == number for comment in self.comments):
            raise not_found()
        return number

    def comment(self, request, kind):
        number = int(request.match_info["number"])
        for comment in self.comments:
            if (comment["kind"], comment["id"]) == (kind, number):
                return comment
        raise not_found()

    def page(self, request, items):
        size = min(int(request.query.get("per_page", 30)), 100)
        number, last = int(request.query.get("page", 1)), max(1, -(-len(items) // size))
        links = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number == 1:
            del links["prev"], links["first"]
        if number >= last:
            del links["next"], links["last"]
        header = ", ".join(
            f'<{self.origin}{request.rel_url.update_query(per_page=size, page=page)}>; rel="{relation}"'
            for relation, page in links.items())
        content = [self.describe(item) for item in items[(number - 1) * size:number * size]]
        return web.json_response(content, headers={"Link": header} if header else {})

    def describe(self, item):
        url, html_url = f"{self.origin}/repos/{REPOSITORY}", f"https://github.com/{REPOSITORY}"
        if item["kind"] == "pull":
            return self.describe_pull(item, url, html_url)
        common = {**{key: item[key] for key in ("id", "body", "created_at", "updated_at")},
                  "user": self.author(item["login"])}
        if item["kind"] == "issue":
            return {**self.examples["issue-comment"], **common,
                    "url": f"{url}/issues/comments/{item['id']}", "issue_url": f"{url}/issues/{item['parent']}",
                    "html_url": f"{html_url}/pull/{item['parent']}#issuecomment-{item['id']}"}
        return {**self.examples["commit-comment"], **common, "path": None, "position": None, "line": None,
                "url": f"{url}/comments/{item['id']}", "commit_id": item["parent"],
                "html_url": f"{html_url}/commit/{item['parent']}#commitcomment-{item['id']}"}

    def describe_pull(self, pull, url, html_url):
        [template] = self.examples["pull-request-simple-items"]
        head = {**template["head"], "label": head_label(pull), "ref": pull["head"], "sha": pull["sha"],
                "repo": {**template["head"]["repo"], "full_name": pull["head_repository"],
                         "fork": pull["head_repository"] != REPOSITORY}}
        # The example's team lacks a field that GitHub's own description asks for.
        return {**template, "number": pull["number"], "state": pull["state"], "head": head, "requested_teams": [],
                "url": f"{url}/pulls/{pull['number']}", "html_url": f"{html_url}/pull/{pull['number']}"}

    def author(self, login):
        template = self.examples["issue-comment"]["user"]
        return {**template, "login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def check_headers(request):
    """The login of the token."""
    if not request.headers.get("User-Agent"):
        raise Refused(403, "Request forbidden by administrative rules. "
                           "Please make sure your request has a User-Agent header")
    if request.headers.get("Accept") != ACCEPT:
        raise Refused(415, f"Must accept '{ACCEPT}'")
    if "X-GitHub-Api-Version" not in request.headers:
        raise Refused(400, "no X-GitHub-Api-Version")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "token") or token not in LOGINS:
        raise Refused(401, "Bad credentials")
    if token == READ_ONLY and request.method != "GET" and request.path != "/graphql":
        raise not_accessible()
    return LOGINS[token]


async def json_object(request):
    try:
        fields = await request.json()
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused(400, "Problems parsing JSON")
    return fields


def checked_body(fields, kind):
    body = fields.get("body")
    if not isinstance(body, str):
        raise Refused(422, "Invalid request.\n\n\"body\" wasn't supplied.")
    problem = "body can't be blank" if not body.strip() else None
    if len(body) > LONGEST_BODY:
        problem = f"body is too long (maximum is {LONGEST_BODY} characters)"
    if problem:
        error = {"resource": KINDS[kind], "code": "unprocessable", "field": "data", "message": problem}
        raise Refused(422, "Validation Failed", errors=[error])
    return body


def repository(request):
    return f"{request.match_info['owner']}/{request.match_info['repo']}"


def head_label(pull):
    return f"{pull['head_repository'].split('/')[0]}:{pull['head']}"


def not_found():
    return Refused(404, "Not Found")


def not_accessible():
    return Refused(403, "Resource not accessible by integration")
