/**
 * What runs in the reader's browser: it takes the page's inside as the server draws it and changes only what differs, so
 * that focus and a button that is being pressed stay. With a token it asks for it once and keeps it for the tab.
 */
export const CLIENT = String.raw`
"use strict";
const main = document.querySelector("main");
const link = document.getElementById("link");
const dialog = document.querySelector("dialog");
const say = (text, lost) => { link.textContent = text; link.className = lost ? "lost" : ""; };
const headers = () => {
  const token = sessionStorage.getItem("millrace-token");
  return token === null ? {} : { authorization: "Bearer " + token };
};
function become(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) { old.replaceWith(next); return; }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  const isOurs = (name) => (old.nodeName === "DETAILS" && name === "open") || name === "disabled";
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !isOurs(name)) old.removeAttribute(name);
  for (const { name, value } of [...next.attributes]) if (old.getAttribute(name) !== value && !isOurs(name)) old.setAttribute(name, value);
  becomeChildren(old, next);
}
const keyOf = (node) => (node.dataset === undefined ? undefined : node.dataset.key);
// What has a key stays the same element wherever it goes: a button that is being pressed is still that row's.
function becomeChildren(old, next) {
  const keyed = new Map([...old.childNodes].flatMap((node) => (keyOf(node) === undefined ? [] : [[keyOf(node), node]])));
  let at = old.firstChild;
  for (const child of [...next.childNodes]) {
    const key = keyOf(child);
    const same = key === undefined ? undefined : keyed.get(key);
    if (same !== undefined) {
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      become(same, child);
    } else if (key === undefined && at !== null && keyOf(at) === undefined) {
      const behind = at.nextSibling;
      become(at, child);
      at = behind;
    } else old.insertBefore(child, at);
  }
  while (at !== null) {
    const behind = at.nextSibling;
    at.remove();
    at = behind;
  }
}
function show(markup) {
  const template = document.createElement("template");
  template.innerHTML = "<main>" + markup + "</main>";
  become(main, template.content.firstElementChild);
}
async function follow() {
  const answer = await fetch("/dashboard/live", { headers: headers() });
  if (answer.status === 401) return askToken();
  if (!answer.ok) throw new Error((await answer.json()).detail);
  let isFirst = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the process has closed the connection");
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (data === "") continue;
      show(JSON.parse(data));
      // Only now is there something to see; what a click was told stands from then on.
      if (isFirst) say("live");
      isFirst = false;
    }
  }
}
function askToken() {
  say("a token is needed", true);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    const token = dialog.querySelector("input").value.trim();
    // What no header can hold is no token.
    if (/^[\x21-\x7e]+$/.test(token)) sessionStorage.setItem("millrace-token", token);
    else sessionStorage.removeItem("millrace-token");
    resolve();
  }, { once: true }));
}
async function forever() {
  for (;;) {
    await follow().catch((error) => say("not connected: " + error.message + "; trying again", true));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
main.addEventListener("click", async ({ target }) => {
  const path = target.dataset === undefined ? undefined : target.dataset.post;
  if (path === undefined || (target.dataset.confirm !== undefined && !confirm(target.dataset.confirm))) return;
  target.disabled = true;
  try {
    const answer = await fetch(path, { method: "POST", headers: headers() });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) alert(body.detail || "HTTP " + answer.status);
    else if (typeof body.pending === "string") say("asked for: it " + body.pending);
  } catch (error) {
    alert("not sent: " + error.message);
  }
  target.disabled = false;
});
forever();
`;
