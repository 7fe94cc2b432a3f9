// The page of the chat: who is here, who comes and goes, who is typing, and the messages.

import { askWho, element, now, post, refused, showConnection, toast, user } from "/assets/site.js";

const ROOM = "presence-room.lobby";

const { key, options } = await (await fetch("/client.json")).json();
const pusher = new Pusher(key, options);
showConnection(pusher);

const room = pusher.subscribe(ROOM);
const [members, count, log, typing, form, refusal] =
  ["members", "count", "log", "typing", "say", "refusal"].map((id) => document.getElementById(id));

// --- who is here: one entry for each user, however many tabs they have open --------------------------

room.bind("pusher:subscription_succeeded", () => {
  showMembers();
  for (const control of form.elements) control.disabled = false;
});
room.bind("pusher:member_added", (member) => {
  showMembers();
  remark(`${member.info.name} joined.`);
});
room.bind("pusher:member_removed", (member) => {
  showMembers();
  stoppedTyping(member.id);
  remark(`${member.info.name} left.`);
});
room.bind("pusher:subscription_error", (error) => {
  const logIn = element("button", { type: "button", className: "inline" }, "Log in");
  logIn.addEventListener("click", askWho);
  refusal.replaceChildren(`Refused (${error.status}): the lobby is for people with a name.`, logIn);
  refusal.hidden = false;
  refused(ROOM, error);
});

function showMembers() {
  const list = [];
  room.members.each((member) => list.push(member));
  list.sort((a, b) => a.info.name.localeCompare(b.info.name));
  members.replaceChildren(...list.map((member) => {
    const name = member.id === room.members.myID ? `${member.info.name} (you)` : member.info.name;
    return element("li", {}, face(member.id, member.info.name), element("span", {}, name),
      element("span", { className: "small soft" }, member.info.role));
  }));
  count.textContent = room.members.count;
}

// --- messages: to all others through the application, to this page at once ---------------------------

room.bind("NewMessage", (message) => {
  stoppedTyping(message.user_id);
  show(message);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = form.elements.text.value;
  const shown = show({ user_id: user.id, name: user.name, text });
  form.reset();
  lastTyped = 0;
  try {
    // The header says which connection is ours; `.to_others()` leaves that one out.
    await post(form.action, { text }, { "X-Socket-ID": pusher.connection.socket_id });
  } catch (error) {
    shown.classList.add("failed");
    toast(`Not sent: ${error.message}`, "error");
  }
});

function show({ user_id, name, text }) {
  const line = element("p", {}, text);
  const head = element("div", { className: "small soft" }, name, " · ", now());
  const entry = element("article", {}, face(user_id, name), element("div", {}, head, line));
  if (user_id === user?.id) entry.classList.add("mine");
  return append(entry);
}

function remark(text) {
  append(element("p", { className: "remark small soft" }, text));
}

function append(entry) {
  log.append(entry);
  log.scrollTop = log.scrollHeight;
  return entry;
}

/** A round face: the first letter, in a colour that belongs to the user. */
function face(id, name) {
  const made = element("span", { className: "face", ariaHidden: "true" }, [...name][0].toUpperCase());
  const hue = [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
  made.style.setProperty("--hue", hue);
  return made;
}

// --- typing: a client event, from page to page without the application ------------------------------

const EVERY = 1_500; // milliseconds between two of ours
const LASTS = 3_000; // milliseconds until one of theirs is forgotten
const typists = new Map(); // user id -> timer
let lastTyped = 0;

form.elements.text.addEventListener("input", () => {
  if (Date.now() - lastTyped < EVERY) return;
  if (room.trigger("client-typing", {})) lastTyped = Date.now();
});

// The server says whose event it is: a page cannot type in somebody else's name.
room.bind("client-typing", (_, { user_id }) => {
  if (user_id === room.members.myID) return; // our own other tab
  clearTimeout(typists.get(user_id));
  typists.set(user_id, setTimeout(stoppedTyping, LASTS, user_id));
  showTyping();
});

function stoppedTyping(userId) {
  clearTimeout(typists.get(userId));
  if (typists.delete(userId)) showTyping();
}

function showTyping() {
  const names = [...typists.keys()].map((id) => room.members.get(id)?.info.name).filter(Boolean);
  const verb = names.length === 1 ? "is" : "are";
  typing.textContent = names.length ? `${names.join(", ")} ${verb} typing…` : "";
}

window.pusher = pusher; // for the browser's console: try pusher.channel("presence-room.lobby").members
