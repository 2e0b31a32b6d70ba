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
  const training = { time: HOSTILE, pairs: HOSTILE, before: HOSTILE, after: HOSTILE, reason: HOSTILE, losses: [1, 2] };
  const bodies = [
    page(HOSTILE, "n", ""),
    doctorBody({ checks: [{ group: HOSTILE, name: HOSTILE, status: HOSTILE, detail: HOSTILE, remedy: HOSTILE }] }),
    statusBody({ [HOSTILE]: HOSTILE, list: [HOSTILE] }),
    learnedBody({ adapters: [adapter], trainings: [training] }),
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

const FIGURES = { pairs_right: 9, pairs_right_before: 3, pairs_asked: 12, canary_right: 48, canary_right_before: 49, canary_asked: 50 };

test("what was learned names the adapter in use, and says so where there is none", () => {
  assert.match(learnedBody({}), /Nothing was learned yet/);
  const adapters = [{ digest: "aaaaaaaaaaaaaaaa", active: true, pairs: 12, figures: FIGURES }, { digest: "bbbb" }];
  assert.match(learnedBody({ adapters }), /2 adapters were trained from example pairs; aaaaaaaaaaaa is in use/);
  assert.match(learnedBody({ adapters: [{ digest: "bbbb" }] }), /none is in use/);
});

test("the curves are of the adapters in the order of their making, and of the last losses", () => {
  const older = { ...FIGURES, pairs_right: 6 };
  const trainings = [1, 2, 3, 4].map((day) => ({ time: `2026-01-0${day}T10:20:30+00:00`, losses: [3, 1] }));
  const body = learnedBody({ adapters: [{ figures: FIGURES }, { figures: older }], trainings });
  // 50 % and then 75 %, over 25 % before.
  assert.match(body, /Your questions answered right.*points="44,84 350,10".*points="44,158 350,158"/s);
  assert.match(body, /General questions/);
  assert.match(body, /Loss at each step.*2026-01-04 10:20.*2026-01-02 10:20/s);
  assert.doesNotMatch(body.split("<h2>")[0] ?? "", /2026-01-01/);
});

test("a training that was not put in use says why", () => {
  const trainings = [{ time: "2026-01-01T10:20:30", pairs: 8, before: "3 of 12", after: "2 of 12", promoted: false, reason: "It answers fewer." }];
  assert.match(learnedBody({ trainings }), /3 of 12.*2 of 12.*no<.*It answers fewer\./s);
});
