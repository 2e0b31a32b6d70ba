import assert from "node:assert/strict";
import { test } from "node:test";

import { present, readStatus, UNKNOWN, type State, type Status } from "../src/status";

const STATES: State[] = ["missing", "stopped", "starting", "loading", "ready", "thinking", "learning", "idle", "trouble"];

test("every state has a text of its own, and says what is the case and what to do", () => {
  const shown = STATES.map((state) => present({ ...UNKNOWN, state }));
  assert.equal(new Set(shown.map(({ text }) => text)).size, STATES.length);
  for (const { text, tooltip } of shown) {
    assert.match(text, /^\$\([\w~-]+\) Squill: [a-z ]+$/);
    assert.equal(tooltip.length, 2);
  }
});

test("only what needs somebody is coloured", () => {
  const coloured = STATES.filter((state) => present({ ...UNKNOWN, state }).severity !== "none");
  assert.deepEqual(coloured, ["missing", "trouble"]);
});

test("a message takes the place of the general sentence, and can be seen to be there", () => {
  const shown = present({ ...UNKNOWN, state: "ready", message: "Nothing shown: no tables." });
  assert.equal(shown.tooltip[0], "Nothing shown: no tables.");
  assert.match(shown.text, /^\$\(info\)/);
});

test("dialect, model and adapter are told where they are known", () => {
  const status: Status = { state: "ready", message: "", dialect: "postgres", dialectOrigin: "header", model: "embedded", adapter: "0123456789abcdef" };
  assert.deepEqual(present(status).tooltip.slice(2), ["Dialect: postgres (from: header)", "Model: embedded", "Adapter: 0123456789ab"]);
});

test("what a notification leaves out, or says in a form unknown to us, stays as it was", () => {
  const before: Status = { ...UNKNOWN, state: "ready", model: "embedded", adapter: "abc" };
  assert.deepEqual(readStatus({ state: "thinking", message: "Writing SQL" }, before), { ...before, state: "thinking", message: "Writing SQL" });
  assert.equal(readStatus({ state: "dreaming" }, before).state, "ready");
  assert.equal(readStatus({ adapter: null }, before).adapter, "");
  assert.equal(readStatus("ready", before), before);
});
