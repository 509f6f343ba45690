//! GitHub's REST API, as far as comments need it.
//!
//! octocrab's raw verbs: its models refuse a comment whose author is gone, its errors drop the headers of a rate limit,
//! and it has no calls for the comments of a commit.

use std::time::Duration;

use octocrab::Octocrab;
use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::{self, HttpError, retry};
use crate::github::WorkflowJob;
use crate::github::event::Subject;

/// Comments a page; the most that the API gives.
const PAGE_SIZE: &str = "100";

/// More pages than any conversation has; a server that never stops is not followed.
const MAX_PAGES: usize = 1000;

/// For all attempts to find a pull request, and the token's login.
const PULL_REQUEST_DEADLINE: Duration = Duration::from_mins(2);
const LOGIN_DEADLINE: Duration = Duration::from_secs(10);

/// The login of the job's own token, where the API does not say.
const ACTIONS: &str = "github-actions[bot]";

/// The thread that a comment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Thread {
    /// A pull request.
    PullRequest(u64),
    /// A commit.
    Commit(String),
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Comment {
    /// Its number; later ones are higher.
    pub id: u64,
    /// Its page.
    pub html_url: String,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: Option<String>,
}

impl Comment {
    /// The login of its author.
    pub(crate) fn author(&self) -> &str {
        self.user.as_ref().map_or("", |user| &user.login)
    }

    /// Its text.
    pub(crate) fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    login: String,
}

/// The answer to the GraphQL query for the token's user.
#[derive(Deserialize)]
struct ViewerAnswer {
    data: Viewer,
}

#[derive(Deserialize)]
struct Viewer {
    viewer: User,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    state: String,
    head: Commit,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

#[derive(Deserialize)]
struct CommitWithParents {
    parents: Vec<Commit>,
}

#[derive(Deserialize)]
struct Compared {
    merge_base_commit: Commit,
}

/// One repository, seen with one token.
#[derive(Debug)]
pub(crate) struct Api {
    octocrab: Octocrab,
    /// The API's address for the repository.
    repository: String,
    /// The address of the GraphQL API.
    graphql: String,
}

impl Api {
    /// The repository of the job.
    ///
    /// # Errors
    /// [`HttpError`], when the token or the API's address cannot be one.
    pub(crate) fn new(
        client: &reqwest::Client,
        job: &WorkflowJob,
        token: &SecretString,
    ) -> Result<Self, HttpError> {
        // octocrab takes for granted that a token fits into a header.
        if HeaderValue::from_str(token.expose_secret()).is_err() {
            let message = "the token has characters that no token has";
            return Err(HttpError::Unsent(message.into()));
        }
        let api = Url::parse(&job.api_url).map_err(|error| HttpError::Unsent(error.to_string()))?;
        // Requests have whole addresses, and the token goes to no other origin.
        let octocrab = Octocrab::builder()
            .base_uri(api.origin().ascii_serialization())
            .map_err(http::from_octocrab)?
            .personal_token(token.clone())
            .add_header(ACCEPT, "application/vnd.github+json".into())
            .build_with_reqwest(client.clone())
            .map_err(http::from_octocrab)?;
        Ok(Self {
            octocrab,
            repository: format!("{}/repos/{}", job.api_url, job.repository),
            graphql: job.graphql_url.clone(),
        })
    }

    /// The login that comments written with this token have; a guess where the API does not say.
    ///
    /// `GET /user` refuses the tokens of jobs and of apps; a `viewer` has every token.
    pub(crate) async fn login(&self) -> String {
        let query = json!({ "query": "{ viewer { login } }" });
        let answer = retry(Instant::now() + LOGIN_DEADLINE, || async {
            http::json::<ViewerAnswer>(self.post(&self.graphql, &query).await?).await
        });
        answer
            .await
            .map_or_else(|_| ACTIONS.into(), |answer| answer.data.viewer.login)
    }

    /// The open pull request that a workflow run is about.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn pull_request(&self, subject: &Subject) -> Result<Option<u64>, HttpError> {
        match subject {
            Subject::PullRequest(number) => Ok(Some(*number)),
            Subject::Commit { sha, head } => {
                let deadline = Instant::now() + PULL_REQUEST_DEADLINE;
                retry(deadline, || self.pull_request_of(sha, head.as_deref())).await
            }
        }
    }

    /// The last commit of a pull request.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn head(&self, number: u64) -> Result<String, HttpError> {
        let url = self.url(&format!("pulls/{number}"), &[])?;
        let pull: PullRequest = retry(Instant::now() + PULL_REQUEST_DEADLINE, || async {
            http::json(self.get(&url).await?).await
        })
        .await?;
        Ok(pull.head.sha)
    }

    /// The first parent of a commit.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn first_parent(&self, sha: &str) -> Result<String, HttpError> {
        let url = self.url(&format!("commits/{sha}"), &[])?;
        let commit: CommitWithParents = retry(Instant::now() + PULL_REQUEST_DEADLINE, || async {
            http::json(self.get(&url).await?).await
        })
        .await?;
        let parent = commit.parents.into_iter().next();
        Ok(parent.map_or_else(String::new, |parent| parent.sha))
    }

    /// The commit at which two histories parted.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn merge_base(&self, base: &str, head: &str) -> Result<String, HttpError> {
        let query = [("per_page", "1")];
        let url = self.url(&format!("compare/{base}...{head}"), &query)?;
        let compared: Compared = retry(Instant::now() + PULL_REQUEST_DEADLINE, || async {
            http::json(self.get(&url).await?).await
        })
        .await?;
        Ok(compared.merge_base_commit.sha)
    }

    /// The pull request of the branch, for it may have gone on since; else the one that ends with the commit. Others
    /// that contain the commit are about something else.
    async fn pull_request_of(
        &self,
        sha: &str,
        head: Option<&str>,
    ) -> Result<Option<u64>, HttpError> {
        if let Some(head) = head {
            let query = [("head", head), ("state", "open")];
            let pulls = self.list("pulls", &query).await?;
            if let Some(pull) = ending_with(sha, &pulls).or(pulls.first()) {
                return Ok(Some(pull.number));
            }
        }
        match self.list(&format!("commits/{sha}/pulls"), &[]).await {
            Ok(pulls) => Ok(ending_with(sha, &pulls).map(|pull| pull.number)),
            // A commit of a fork, or one that nobody has pushed.
            Err(error) if matches!(error.status(), Some(404 | 422)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<PullRequest>, HttpError> {
        http::json(self.get(&self.url(path, query)?).await?).await
    }

    /// Every comment of a thread, page by page.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn comments(&self, thread: &Thread) -> Result<Vec<Comment>, HttpError> {
        let mut url = self.url(&thread.path(), &[("per_page", PAGE_SIZE)])?;
        let mut comments = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.get(&url).await?;
            let next = response
                .headers()
                .get("link")
                .and_then(|link| next_page(link.to_str().ok()?));
            comments.extend(http::json::<Vec<Comment>>(response).await?);
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(comments)
    }

    /// A comment as it is now; `None` when it is gone.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn comment(
        &self,
        thread: &Thread,
        id: u64,
    ) -> Result<Option<Comment>, HttpError> {
        match found(self.get(&self.address(thread, id)).await)? {
            Some(response) => http::json(response).await.map(Some),
            None => Ok(None),
        }
    }

    /// Writes a new comment. Not to be repeated when its answer is lost.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn create(&self, thread: &Thread, body: &str) -> Result<Comment, HttpError> {
        let url = self.url(&thread.path(), &[])?;
        http::json(self.post(&url, &json!({ "body": body })).await?).await
    }

    /// Writes a comment anew; `None` when it is gone.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(crate) async fn update(
        &self,
        thread: &Thread,
        id: u64,
        body: &str,
    ) -> Result<Option<Comment>, HttpError> {
        let url = self.address(thread, id);
        let body = json!({ "body": body });
        let sent = self.octocrab._patch(url, Some(&body));
        let response = sent.await.map_err(http::from_octocrab)?;
        match found(http::accept(response.map(reqwest::Body::wrap).into()).await)? {
            Some(response) => http::json(response).await.map(Some),
            None => Ok(None),
        }
    }

    /// Removes a comment.
    ///
    /// # Errors
    /// [`HttpError`], but not when it is gone already.
    pub(crate) async fn delete(&self, thread: &Thread, id: u64) -> Result<(), HttpError> {
        let sent = self.octocrab._delete(self.address(thread, id), None::<&()>);
        let response = sent.await.map_err(http::from_octocrab)?;
        found(http::accept(response.map(reqwest::Body::wrap).into()).await).map(drop)
    }

    async fn get(&self, url: &str) -> Result<reqwest::Response, HttpError> {
        let response = self.octocrab._get(url).await;
        let response = response.map_err(http::from_octocrab)?;
        http::accept(response.map(reqwest::Body::wrap).into()).await
    }

    async fn post(&self, url: &str, body: &Value) -> Result<reqwest::Response, HttpError> {
        let response = self.octocrab._post(url, Some(body)).await;
        let response = response.map_err(http::from_octocrab)?;
        http::accept(response.map(reqwest::Body::wrap).into()).await
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<String, HttpError> {
        let url = format!("{}/{path}", self.repository);
        if query.is_empty() {
            return Ok(url);
        }
        Url::parse_with_params(&url, query)
            .map(String::from)
            .map_err(|error| HttpError::Unsent(error.to_string()))
    }

    fn address(&self, thread: &Thread, id: u64) -> String {
        let parent = match thread {
            Thread::PullRequest(_) => "issues/",
            Thread::Commit(_) => "",
        };
        format!("{}/{parent}comments/{id}", self.repository)
    }
}

/// The open pull request whose last commit this is.
fn ending_with<'a>(sha: &str, pulls: &'a [PullRequest]) -> Option<&'a PullRequest> {
    let mut open = pulls.iter().filter(|pull| pull.state == "open");
    open.find(|pull| pull.head.sha == sha)
}

/// Somebody may have removed what was there a moment ago.
fn found<T>(answer: Result<T, HttpError>) -> Result<Option<T>, HttpError> {
    match answer {
        Err(error) if error.status() == Some(404) => Ok(None),
        answer => answer.map(Some),
    }
}

impl Thread {
    fn path(&self) -> String {
        match self {
            Self::PullRequest(number) => format!("issues/{number}/comments"),
            Self::Commit(sha) => format!("commits/{sha}/comments"),
        }
    }
}

/// The address of the next page in a `Link` header.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (url, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then(|| url.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_named_by_the_link_header() {
        let link = "<https://x/1?page=1>; rel=\"prev\", <https://x/1?page=3>; rel=\"next\"";
        assert_eq!(next_page(link).as_deref(), Some("https://x/1?page=3"));
        assert_eq!(next_page("<https://x/1?page=1>; rel=\"prev\""), None);
        assert_eq!(next_page(""), None);
    }
}
