// What the examples' pages share: the connection badge, toasts, forms, and the account in the bar.
// Text that came from people only ever becomes a text node, so it is never read as HTML.

// --- building elements ---------------------------------------------------------------------------

/** `element("li", { className: "new" }, "text", otherElement)` */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Now, as a `<time>` of the reader's own clock. */
export function now() {
  const date = new Date();
  return element("time", { dateTime: date.toISOString() }, date.toLocaleTimeString());
}

/** A message in the corner: level "success", "info", "warning" or "error". Errors stay longer. */
export function toast(text, level = "info") {
  const close = element("button", { type: "button", ariaLabel: "Close" }, "×");
  const made = element("div", { className: "toast" }, element("p", {}, text), close);
  made.dataset.level = level;
  made.role = level === "error" ? "alert" : "status";
  close.addEventListener("click", () => made.remove());
  setTimeout(() => made.remove(), level === "error" ? 15_000 : 6_000);
  toasts.append(made);
  if (toasts.children.length > 4) toasts.firstChild.remove();
}

// --- the connection ------------------------------------------------------------------------------

/** Keeps the badge in the bar at the state of `pusher`'s connection, and shows the server's errors. */
export function showConnection(pusher) {
  const show = (state) => {
    badge.dataset.state = state;
    badge.textContent = CONNECTION[state] ?? state;
  };
  show(pusher.connection.state);
  pusher.connection.bind("state_change", ({ current }) => show(current));
  pusher.connection.bind("error", ({ error, data }) => {
    const refusal = error?.data ?? data;
    if (refusal?.message) toast(refusal.message, "error");
  });
}

/** What a refused subscription says: `pusher:subscription_error` brings the status of the answer. */
export function refused(channel, { status }) {
  toast(`The server refused the subscription to ${channel} (${status ?? "no answer"}).`, "error");
}

const CONNECTION = {
  initialized: "Starting…",
  connecting: "Connecting…",
  connected: "Connected",
  unavailable: "Unavailable, retrying…",
  failed: "Not possible here",
  disconnected: "Disconnected",
};

// --- forms ---------------------------------------------------------------------------------------

/** Posts fields as a form; the JSON of the answer, or an error with the server's words. */
export async function post(url, fields, headers = {}) {
  const request = { method: "POST", headers, body: new URLSearchParams(fields) };
  const answer = await fetch(url, request).catch(() => {
    throw new Error("The server does not answer. Is it still running?");
  });
  const text = await answer.text();
  if (!answer.ok) {
    const reason = text.replace("Failed to deserialize form body: ", ""); // axum's words for a 422
    throw new Error(reason || `The server answered ${answer.status}.`);
  }
  return answer.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : null;
}

/** Sends `form` without leaving the page and says below it where the event went. */
export function broadcastOnSubmit(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    output.textContent = "";
    try {
      showReport(output, await post(form.action, new FormData(form)));
      form.reset();
    } catch (error) {
      toast(error.message, "error");
    }
  });
}

/** `{ sent: [..], skipped: [{ channel, reason }] }` as a sentence. */
function showReport(output, { sent, skipped }) {
  const parts = [];
  if (sent.length) parts.push(`Sent on ${sent.join(", ")}.`);
  for (const { channel, reason } of skipped) parts.push(`Skipped ${channel}: ${reason}.`);
  output.textContent = parts.join(" ");
  output.dataset.kind = skipped.length ? "skipped" : "sent";
}

// --- the account ---------------------------------------------------------------------------------

/** `{ id, name, role }`, `null` for a visitor, `undefined` where the application has no log-in. */
export const user = await whoAmI();

async function whoAmI() {
  const answer = await fetch("/user.json").catch(() => null);
  return answer?.ok ? answer.json() : undefined;
}

function showAccount(place) {
  const who = user ? `${user.name} (${user.role})` : "Visitor";
  const act = element("button", { type: "button", className: "quiet" }, user ? "Log out" : "Log in");
  act.addEventListener("click", () => (user ? leave("/logout", {}) : askWho()));
  place.append(element("span", { title: who }, who), act);
}

/** The log-in as a dialog: the same form as on the start page. */
export function askWho() {
  const form = element("form", { className: "card log-in", method: "post", action: "/login" });
  const name = element("input", { type: "text", name: "name", id: "dialog-name", required: true, maxLength: 30, autocomplete: "nickname" });
  const as = (role, className) => element("button", { name: "role", value: role, className }, `Log in as ${role}`);
  form.append(
    element("h2", {}, "Who are you?"),
    element("div", { className: "field" }, element("label", { htmlFor: "dialog-name" }, "Your name"), name),
    element("div", { className: "buttons" }, as("user", ""), as("admin", "quiet")),
  );
  logInOnSubmit(form);
  const dialog = element("dialog", { ariaLabel: "Log in" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function logInOnSubmit(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    leave(button?.getAttribute("formaction") ?? form.action, new FormData(form, button));
  });
}

/** Logs in or out, then loads the page anew: with the new session, and a new connection. */
async function leave(url, fields) {
  try {
    await post(url, fields);
    location.reload();
  } catch (error) {
    toast(error.message, "error");
  }
}

// --- on every page -------------------------------------------------------------------------------

const badge = document.querySelector("#connection");
const toasts = document.body.appendChild(element("div", { id: "toasts" }));
const account = document.querySelector("#account");

if (account && user !== undefined) showAccount(account);
document.querySelectorAll("form.log-in").forEach(logInOnSubmit);

if (!window.Pusher) {
  const answer = await fetch("/assets/pusher.min.js");
  const notice = element("p", { className: "notice", role: "alert" }, await answer.text());
  notice.dataset.level = "error";
  document.querySelector("main").prepend(notice);
  badge.dataset.state = "failed";
  badge.textContent = "pusher-js is missing";
  throw new Error("pusher-js is missing");
}
