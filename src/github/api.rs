//! GitHub's REST API, as far as comments need it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::environment::{Secret, WorkflowJob};
use super::event::Subject;
use super::http::{self, HttpError, again};

/// The version of the API.
const VERSION: &str = "2022-11-28";

/// Comments a page; the most that the API gives.
const PAGE: &str = "100";

/// More pages than any conversation has; a server that never stops is not followed.
const PAGES: usize = 1000;

/// For all attempts to find a pull request.
const LOOK_UP: Duration = Duration::from_mins(2);

/// Who the job's own token is, where the API does not say.
const ACTIONS: &str = "github-actions[bot]";

/// What comments are attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    /// A pull request.
    PullRequest(u64),
    /// A commit.
    Commit(String),
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
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
    pub fn author(&self) -> &str {
        self.user.as_ref().map_or("", |user| &user.login)
    }

    /// Its text.
    pub fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    state: String,
}

/// One repository, seen with one token.
#[derive(Debug)]
pub struct Api<'a> {
    client: &'a reqwest::Client,
    /// The API's address for the repository.
    repository: String,
    /// The API's address for the token's user.
    user: String,
    token: &'a Secret,
}

impl<'a> Api<'a> {
    /// The repository of the job.
    pub fn new(client: &'a reqwest::Client, job: &WorkflowJob, token: &'a Secret) -> Self {
        Self {
            client,
            repository: format!("{}/repos/{}", job.api_url, job.repository),
            user: format!("{}/user", job.api_url),
            token,
        }
    }

    fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client
            .request(method, url)
            .bearer_auth(self.token.expose())
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", VERSION)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("{}/{path}", self.repository))
    }

    /// The login that comments written with this token have; a guess where the API does not say.
    pub async fn login(&self) -> String {
        let answer: Result<User, HttpError> =
            http::send_json(self.request(Method::GET, &self.user)).await;
        answer.map_or_else(|_| ACTIONS.into(), |user| user.login)
    }

    /// The open pull request that a workflow run is about.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn pull_request(&self, subject: &Subject) -> Result<Option<u64>, HttpError> {
        match subject {
            Subject::PullRequest(number) => Ok(Some(*number)),
            Subject::Commit { sha, head } => {
                let deadline = Instant::now() + LOOK_UP;
                again(deadline, || self.pull_request_of(sha, head.as_deref())).await
            }
        }
    }

    async fn pull_request_of(
        &self,
        sha: &str,
        head: Option<&str>,
    ) -> Result<Option<u64>, HttpError> {
        let open = |pulls: Vec<PullRequest>| {
            let pull = pulls.into_iter().find(|pull| pull.state == "open");
            pull.map(|pull| pull.number)
        };
        if let Some(head) = head {
            let question = self
                .get("pulls")
                .query(&[("head", head), ("state", "open")]);
            if let Some(number) = open(http::send_json(question).await?) {
                return Ok(Some(number));
            }
        }
        let question = self.get(&format!("commits/{sha}/pulls"));
        match http::send_json(question).await {
            Ok(pulls) => Ok(open(pulls)),
            // A commit of a fork, or one that nobody has pushed.
            Err(error) if matches!(error.status(), Some(404 | 422)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every comment of a thread, page by page.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn comments(&self, thread: &Thread) -> Result<Vec<Comment>, HttpError> {
        let mut question = self.get(&thread.path()).query(&[("per_page", PAGE)]);
        let mut comments = Vec::new();
        for _ in 0..PAGES {
            let response = http::send(question).await?;
            let next = response
                .headers()
                .get("link")
                .and_then(|link| next_page(link.to_str().ok()?));
            comments.extend(http::json::<Vec<Comment>>(response).await?);
            match next {
                Some(url) => question = self.request(Method::GET, &url),
                None => break,
            }
        }
        Ok(comments)
    }

    /// A comment as it is now; `None` when it is gone.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn comment(&self, thread: &Thread, id: u64) -> Result<Option<Comment>, HttpError> {
        let question = self.request(Method::GET, &self.address(thread, id));
        found(http::send_json(question).await)
    }

    /// Writes a new comment. Not to be repeated when its answer is lost.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn create(&self, thread: &Thread, body: &str) -> Result<Comment, HttpError> {
        let url = format!("{}/{}", self.repository, thread.path());
        self.write(Method::POST, &url, body).await
    }

    /// Writes a comment anew; `None` when it is gone.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn update(
        &self,
        thread: &Thread,
        id: u64,
        body: &str,
    ) -> Result<Option<Comment>, HttpError> {
        let url = self.address(thread, id);
        found(self.write(Method::PATCH, &url, body).await)
    }

    /// Removes a comment.
    ///
    /// # Errors
    /// [`HttpError`], but not when it is gone already.
    pub async fn delete(&self, thread: &Thread, id: u64) -> Result<(), HttpError> {
        let question = self.request(Method::DELETE, &self.address(thread, id));
        found(http::send(question).await).map(drop)
    }

    fn address(&self, thread: &Thread, id: u64) -> String {
        let parent = match thread {
            Thread::PullRequest(_) => "issues/",
            Thread::Commit(_) => "",
        };
        format!("{}/{parent}comments/{id}", self.repository)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        body: &str,
    ) -> Result<T, HttpError> {
        http::send_json(self.request(method, url).json(&json!({ "body": body }))).await
    }
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
