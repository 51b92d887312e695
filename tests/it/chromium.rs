//! A real Chromium, driven over its DevTools protocol: pages as people see them, with script, style and colour scheme,
//! clicked and typed into. It keeps a list of what pages did wrong: policy violations, script errors, requests to other
//! hosts. axe-core judges them ([`Tab::axe`]). Not here: what a story expects of a page.
//!
//! `scripts/tools.sh` installs Chromium (`need_chromium`) and axe-core (`need_axe`) and says where they are.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;

use crate::fakes::lock;
use crate::harness::{Running, until};
use crate::ledger::PATIENCE;
use crate::servers::place;

/// A desktop's window.
pub const DESKTOP: (u32, u32) = (1280, 900);
/// A phone's.
pub const PHONE: (u32, u32) = (390, 844);

/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(30);

/// The rules of axe-core that pages are judged by.
const RULES: &str = r#"["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]"#;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// What came by itself, by session.
type Events = Arc<Mutex<Vec<(String, Value)>>>;

/// The browser. Dropped, it is killed.
pub struct Chromium {
    child: Child,
    _folder: TempDir,
    wire: Wire,
}

#[derive(Clone)]
struct Wire {
    out: mpsc::UnboundedSender<String>,
    next: Arc<AtomicU64>,
    waiting: Waiting,
    events: Events,
}

impl Wire {
    /// Calls a method of the protocol; an error is a value with `error` in it.
    async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        lock(&self.waiting).insert(id, tell);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        self.out.send(message.to_string()).expect("the browser is there");
        let answer = tokio::time::timeout(PATIENCE, told).await;
        answer.unwrap_or_else(|_| panic!("{method}: no answer within {PATIENCE:?}")).expect("the browser answers")
    }
}

impl Chromium {
    /// Starts one with a profile of its own.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("bugle-chromium-").tempdir().expect("a folder can be made");
        let child = Command::new(place("BUGLE_TEST_CHROMIUM"))
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-extensions", "--disable-default-apps", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .args(["--force-color-profile=srgb", "--lang=en-US", "--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", folder.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("BUGLE_TEST_CHROMIUM names a program");
        let file = folder.path().join("DevToolsActivePort");
        let address = || {
            let text = std::fs::read_to_string(&file).ok()?;
            let (port, path) = text.split_once('\n')?;
            Some(format!("ws://127.0.0.1:{port}{}", path.trim()))
        };
        until("Chromium says where it listens", async || address().is_some()).await;
        let (socket, _) = tokio_tungstenite::connect_async(address().expect("it has said so"))
            .await
            .expect("Chromium takes a connection");
        let (mut to, mut from) = socket.split();
        let (out, mut queue) = mpsc::unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(text) = queue.recv().await {
                if to.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
        });
        let (waiting, events) = (Waiting::default(), Events::default());
        let (answers, heard) = (Arc::clone(&waiting), Arc::clone(&events));
        tokio::spawn(async move {
            while let Some(Ok(message)) = from.next().await {
                let Ok(text) = message.to_text() else { continue };
                let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
                match value["id"].as_u64() {
                    Some(id) => {
                        if let Some(tell) = lock(&answers).remove(&id) {
                            // Who asked may have given up.
                            drop(tell.send(value));
                        }
                    }
                    None => {
                        let session = value["sessionId"].as_str().unwrap_or_default().to_owned();
                        lock(&heard).push((session, value));
                    }
                }
            }
        });
        Self { child, _folder: folder, wire: Wire { out, next: Arc::new(AtomicU64::new(1)), waiting, events } }
    }

    /// A new page in a window of that size, with cookies of its own.
    ///
    /// # Panics
    /// Where the browser refuses.
    pub async fn tab(&self, size: (u32, u32)) -> Tab {
        let context = self.wire.call(None, "Target.createBrowserContext", json!({})).await;
        self.tab_in(context["result"]["browserContextId"].clone(), size).await
    }

    /// A new page beside another one, of the same person.
    ///
    /// # Panics
    /// As [`tab`](Self::tab).
    pub async fn tab_beside(&self, other: &Tab, size: (u32, u32)) -> Tab {
        self.tab_in(other.context.clone(), size).await
    }

    /// A new page of the desk's administrator, signed in.
    ///
    /// # Panics
    /// As [`tab`](Self::tab), and where they are not let in.
    pub async fn signed_in(&self, bugle: &Running, size: (u32, u32)) -> Tab {
        let tab = self.tab(size).await;
        let home = bugle.address();
        for (name, value) in bugle.desk().await.cookies(&home).split("; ").filter_map(|pair| pair.split_once('=')) {
            let cookie = json!({ "name": name, "value": value, "url": home, "httpOnly": true, "sameSite": "Lax" });
            tab.call("Network.setCookie", cookie).await;
        }
        tab
    }

    async fn tab_in(&self, context: Value, size: (u32, u32)) -> Tab {
        let made = json!({ "url": "about:blank", "browserContextId": context });
        let made = self.wire.call(None, "Target.createTarget", made).await;
        let target = made["result"]["targetId"].clone();
        let attached = json!({ "targetId": target, "flatten": true });
        let attached = self.wire.call(None, "Target.attachToTarget", attached).await;
        let session = attached["result"]["sessionId"].as_str().unwrap_or_else(|| panic!("no page: {attached}"));
        let tab = Tab { wire: self.wire.clone(), session: session.to_owned(), context, size };
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        tab.resize(size).await;
        tab
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already; its helpers end with it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A page in the browser.
pub struct Tab {
    wire: Wire,
    session: String,
    context: Value,
    size: (u32, u32),
}

/// A text as a literal of the script.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

impl Tab {
    async fn call(&self, method: &str, params: Value) -> Value {
        let answer = self.wire.call(Some(&self.session), method, params).await;
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// The window gets that size; narrow ones are phones, with touch.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let phone = width < 600;
        let how = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.call("Emulation.setDeviceMetricsOverride", how).await;
    }

    /// The person prefers dark pages, or light ones.
    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// It is the one that the person looks at: of several beside each other only that one is drawn.
    pub async fn front(&self) {
        self.call("Page.bringToFront", json!({})).await;
    }

    /// Pages come without their script from now on. (Forbidding script as such would forbid the test's questions, too;
    /// the policy lets pages run nothing but what is loaded.)
    pub async fn without_script(&self) {
        self.call("Network.setBlockedURLs", json!({ "urls": ["*.js"] })).await;
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Panics
    /// Where it cannot be.
    pub async fn go(&self, url: &str) {
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone["errorText"].is_null(), "{url}: {}", gone["errorText"]);
        self.until("document.readyState === 'complete'").await;
    }

    async fn tried(&self, script: &str) -> Result<Value, String> {
        let what = json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let answer = self.wire.call(Some(&self.session), "Runtime.evaluate", what).await;
        if let Some(fault) = answer["error"]["message"].as_str() {
            return Err(fault.to_owned());
        }
        let result = &answer["result"];
        if result["exceptionDetails"].is_null() {
            return Ok(result["result"]["value"].clone());
        }
        Err(result["exceptionDetails"].to_string())
    }

    /// What a script gives.
    ///
    /// # Panics
    /// When it throws.
    pub async fn eval(&self, script: &str) -> Value {
        self.tried(script).await.unwrap_or_else(|fault| panic!("{script}: {fault}"))
    }

    /// Waits until a script gives `true`; while another page comes it is asked again.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`]; with the text of the page.
    pub async fn until(&self, script: &str) {
        let wait = async {
            while self.tried(script).await != Ok(Value::Bool(true)) {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let text = self.tried("location.href + '\\n' + document.body.innerText").await;
            panic!("{script} is not so within {PATIENCE:?}: {text:?}");
        }
    }

    /// Waits until a page shows these words.
    ///
    /// # Panics
    /// When it does not.
    pub async fn until_says(&self, words: &str) {
        self.until(&format!("document.body !== null && document.body.innerText.includes({})", literal(words))).await;
    }

    /// The visible text of an element.
    pub async fn text(&self, what: &str) -> String {
        let script = format!("document.querySelector({})?.innerText ?? ''", literal(what));
        self.eval(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// How many elements there are.
    pub async fn count(&self, what: &str) -> u64 {
        let script = format!("document.querySelectorAll({}).length", literal(what));
        self.eval(&script).await.as_u64().unwrap_or_default()
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        self.eval("location.href").await.as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element with the mouse, as a person would: it must be there, and nothing in front of it.
    ///
    /// # Panics
    /// When it is not.
    pub async fn click(&self, what: &str) {
        let script = format!(
            "(async () => {{ const it = document.querySelector({}); if (!it) return 'is not there'; \
             it.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); \
             const box = it.getBoundingClientRect(); const x = box.x + box.width / 2, y = box.y + box.height / 2; \
             const top = document.elementFromPoint(x, y); \
             if (!top || !(it.contains(top) || top.contains(it))) \
               return 'is covered by ' + (top ? top.outerHTML.slice(0, 200) : 'nothing'); \
             return {{ x, y }}; }})()",
            literal(what)
        );
        let at = self.eval(&script).await;
        assert!(at.is_object(), "{what} {at}");
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let how = json!({ "type": kind, "x": at["x"], "y": at["y"], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", how).await;
        }
    }

    /// Clicks what leads to another page, and waits until that is loaded.
    ///
    /// # Panics
    /// As [`click`](Self::click).
    pub async fn follow(&self, what: &str) {
        self.eval("window.before = true").await;
        self.click(what).await;
        self.until("window.before !== true && document.readyState === 'complete'").await;
    }

    /// Puts a text into a field, key by key as far as the page can tell.
    ///
    /// # Panics
    /// When there is no such field.
    pub async fn fill(&self, what: &str, text: &str) {
        let script = format!(
            "(() => {{ const it = document.querySelector({}); if (!it) return false; it.focus(); it.select?.(); \
             return true; }})()",
            literal(what)
        );
        assert_eq!(self.eval(&script).await, true, "there is no {what}");
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses a key: a letter, `?`, `Enter`, `Escape`, `Tab`.
    pub async fn key(&self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            _ => 0,
        };
        let down = json!({ "type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", down).await;
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code }))
            .await;
    }

    /// Keeps a picture of the whole page in the folder of screenshots.
    ///
    /// # Panics
    /// Where it cannot be written.
    pub async fn shot(&self, name: &str) {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true })).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap_or_default());
        let folder = screenshots();
        std::fs::create_dir_all(&folder).expect("the folder of the build can be written to");
        let file = folder.join(format!("{name}.png"));
        std::fs::write(file, bytes.expect("the protocol says base64")).expect("the folder was just made");
    }

    /// What pages did wrong up to now: the policy violated, script that threw, requests beyond that address. Forgotten
    /// with that.
    pub fn faults(&self, home: &str) -> Vec<String> {
        let mut faults = Vec::new();
        lock(&self.wire.events).retain(|(session, event)| {
            if *session != self.session {
                return true;
            }
            faults.extend(fault(event, home));
            false
        });
        faults
    }

    /// What axe-core finds wrong with the page as it is: one line an element.
    ///
    /// # Panics
    /// Where axe-core is not there.
    pub async fn axe(&self) -> Vec<String> {
        let file = Path::new(&place("BUGLE_TEST_AXE")).join("node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&file).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
        if self.eval("typeof axe").await != "object" {
            self.eval(&format!("{source}; true")).await;
        }
        let found = self
            .eval(&format!(
                "axe.run(document, {{ runOnly: {{ type: 'tag', values: {RULES} }} }}).then((it) => it.violations)"
            ))
            .await;
        let mut lines = Vec::new();
        for rule in found.as_array().into_iter().flatten() {
            for node in rule["nodes"].as_array().into_iter().flatten() {
                let mut line = format!("{} ({}): {}", rule["id"], rule["impact"], node["html"]);
                write!(line, " {}", node["failureSummary"]).expect("a text grows");
                lines.push(line);
            }
        }
        lines
    }

    /// Judges the page as it is in both colour schemes, and keeps a picture of each.
    ///
    /// # Panics
    /// With all that is wrong with it.
    pub async fn judge(&self, name: &str, home: &str) {
        let faults = self.judged(name, home).await;
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    /// As [`judge`](Self::judge), and gives what is wrong, one line each.
    pub async fn judged(&self, name: &str, home: &str) -> Vec<String> {
        let mut faults = self.faults(home);
        for (dark, scheme) in [(false, "light"), (true, "dark")] {
            self.dark(dark).await;
            self.shot(&format!("{name}-{}-{scheme}", self.size.0)).await;
            faults.extend(self.axe().await.into_iter().map(|line| format!("{scheme}: {line}")));
        }
        self.dark(false).await;
        // What axe-core itself does to a page is no fault of the page.
        drop(self.faults(home));
        let wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let over = self.eval(wide).await.as_i64().unwrap_or_default();
        if over > 0 {
            faults.push(format!("the page is {over} px wider than its window of {} px", self.size.0));
        }
        faults.into_iter().map(|fault| format!("{name} {}: {fault}", self.size.0)).collect()
    }
}

fn fault(event: &Value, home: &str) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Audits.issueAdded" => {
            let issue = &params["issue"];
            (issue["code"] == "ContentSecurityPolicyIssue").then(|| format!("policy: {}", issue["details"]))
        }
        "Runtime.exceptionThrown" => Some(format!("script: {}", params["exceptionDetails"])),
        "Runtime.consoleAPICalled" => {
            matches!(params["type"].as_str(), Some("error" | "assert")).then(|| format!("console: {}", params["args"]))
        }
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let security = entry["source"] == "security" || entry["source"] == "javascript";
            security.then(|| format!("log: {}", entry["text"]))
        }
        "Network.requestWillBeSent" => {
            let url = params["request"]["url"].as_str().unwrap_or_default();
            let ours = url.starts_with(home) || url.starts_with("about:") || url.starts_with("data:");
            (!ours).then(|| format!("request to {url}"))
        }
        _ => None,
    }
}

/// Where pictures of pages are kept: beside what is built, which git ignores.
pub fn screenshots() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    place.parent().unwrap_or(place).join("screenshots")
}
