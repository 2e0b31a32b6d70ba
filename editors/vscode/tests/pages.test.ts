import assert from "node:assert/strict";
import { test } from "node:test";

import { chart } from "../src/pages/chart";
import { doctorBody } from "../src/pages/doctor";
import { page } from "../src/pages/html";
import { learnedBody } from "../src/pages/learned";
import { statusBody } from "../src/pages/status";

const HOSTILE = `<img src=x onerror="alert('1')">&`;

test("a page runs nothing and loads nothing, and its style is the one of its nonce", () => {
  const html = page("Status", "abc123", "<p>body</p>");
  assert.match(html, /content="default-src 'none'; style-src 'nonce-abc123'"/);
  assert.match(html, /<style nonce="abc123">/);
  assert.doesNotMatch(html, /<script|style="|https?:/);
});

test("no text of the server's becomes markup", () => {
  const adapter = { digest: HOSTILE, created: HOSTILE, pairs: HOSTILE, reason: HOSTILE, figures: { [HOSTILE]: 1 } };
  const bodies = [
    page(HOSTILE, "n", ""),
    doctorBody({ checks: [{ group: HOSTILE, name: HOSTILE, status: HOSTILE, detail: HOSTILE, remedy: HOSTILE }] }),
    statusBody({ [HOSTILE]: HOSTILE, list: [HOSTILE] }),
    learnedBody({ adapters: [adapter], curves: [{ title: HOSTILE, series: [{ name: HOSTILE, points: [[1, 2]] }] }] }),
  ];
  for (const body of bodies) {
    assert.doesNotMatch(body, /<img|alert\('/);
  }
});

test("the doctor's checks stand in their groups, each with its mark and what to do", () => {
  const body = doctorBody({
    checks: [
      { group: "python", name: "version", status: "ok", detail: "3.12", remedy: "" },
      { group: "model", name: "files", status: "failure", detail: "gone", remedy: "Install it again." },
      { group: "python", name: "packages", status: "warning", detail: "old", remedy: "Update." },
    ],
  });
  assert.match(body, /3 checks: 1 failed, 1 with a warning/);
  assert.ok(body.indexOf("version") < body.indexOf("packages") && body.indexOf("packages") < body.indexOf("files"));
  assert.match(body, /class="failure">✗<.*Install it again\./);
});

test("the status has a row for each figure that is known, nested ones with dots", () => {
  const body = statusBody({ state: "ready", queue: 0, cache: { bytes: 5 }, adapter: null, message: "" });
  const cells = [...body.matchAll(/<td>([^<]*)<\/td>/g)].map((match) => match[1]);
  assert.deepEqual(cells, ["state", "ready", "queue", "0", "cache.bytes", "5"]);
});

test("a line chart spans its points, and one without points is left out", () => {
  const svg = chart("Loss", [{ name: "before", points: [[0, 4], [10, 1]] }, { name: "none", points: [] }]);
  assert.match(svg, /points="44,10 350,158"/);
  assert.match(svg, />4<.*>0<.*>10</s);
  assert.doesNotMatch(svg, /none<\/span>/);
  assert.equal(chart("Loss", []), "");
});

test("a chart of one point, or of equal values, is drawn inside its frame", () => {
  const svg = chart("Right", [{ name: "pairs", points: [[3, 7]] }]);
  assert.match(svg, /points="44,158"/);
  assert.doesNotMatch(svg, /NaN|Infinity/);
});

test("what was learned names the adapter in use, and says so where there is none", () => {
  assert.match(learnedBody({}), /Nothing was learned yet/);
  const cards = [{ digest: "aaaaaaaaaaaaaaaa", active: true, pairs: 12, figures: { loss: 0.12345 } }, { digest: "bbbb" }];
  const body = learnedBody({ adapters: cards });
  assert.match(body, /2 adapters were trained from your example pairs; aaaaaaaaaaaa is in use/);
  assert.match(body, /loss: 0\.123/);
  assert.match(learnedBody({ adapters: [{ digest: "bbbb" }] }), /none is in use/);
});
