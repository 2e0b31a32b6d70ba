import { number, record, records, text, type Json } from "../results";
import { chart, type Series } from "./chart";
import { button, escape, table } from "./html";

export const COMMANDS = ["squill.retrainNow", "squill.rollBack", "squill.chooseAdapter", "squill.showPairs"];

const DIGEST_DIGITS = 12;

/**
 * The body for what `squill.learned` answers: `adapters`, the cards, newest first; and `curves`,
 * each a title and series of points.
 */
export function learnedBody(answer: unknown): string {
  const learned = record(answer);
  const adapters = records(learned.adapters);
  const actions = [
    button("squill.retrainNow", "Retrain Now"),
    button("squill.rollBack", "Roll Back"),
    button("squill.chooseAdapter", "Choose an Adapter"),
    button("squill.showPairs", "Example Pairs"),
  ];
  return [
    `<p>${escape(summary(adapters))}</p>`,
    `<p>${actions.join("")}</p>`,
    ...records(learned.curves).map(curve),
    adapters.length > 0 ? `<h2>Adapters</h2>${cards(adapters)}` : "",
  ].join("\n");
}

function summary(adapters: readonly Json[]): string {
  if (adapters.length === 0) {
    return "Nothing was learned yet. Keep some queries as examples; then Squill trains on them, and uses what it learned only where that is measured to be better.";
  }
  const active = adapters.find((adapter) => adapter.active === true);
  const count = adapters.length === 1 ? "One adapter was" : `${adapters.length} adapters were`;
  const used = active === undefined ? "none is in use" : `${name(active)} is in use`;
  return `${count} trained from your example pairs; ${used}.`;
}

function curve(data: Json): string {
  return chart(text(data.title), records(data.series).map(series));
}

function series(data: Json): Series {
  const points = Array.isArray(data.points) ? (data.points as unknown[]) : [];
  return { name: text(data.name), points: points.flatMap(point) };
}

function point(data: unknown): [number, number][] {
  const [x, y] = Array.isArray(data) ? data.map(number) : [];
  return x === undefined || y === undefined ? [] : [[x, y]];
}

function cards(adapters: readonly Json[]): string {
  return table(["Adapter", "Trained", "Pairs", "Measured", "Why"], adapters.map(card));
}

function card(adapter: Json): string[] {
  const figures = Object.entries(record(adapter.figures));
  const told = figures.map(([figure, value]) => `${escape(figure)}: ${escape(rounded(value))}`);
  const mark = adapter.active === true ? '<span class="ok">✓</span> ' : "";
  return [
    `${mark}<code>${escape(name(adapter))}</code>`,
    escape(text(adapter.created).slice(0, 16).replace("T", " ")),
    escape(text(adapter.pairs)),
    told.join("<br>"),
    escape(text(adapter.reason)),
  ];
}

function name(adapter: Json): string {
  return text(adapter.digest).slice(0, DIGEST_DIGITS);
}

function rounded(value: unknown): string {
  const found = number(value);
  return found === undefined ? "" : String(Number(found.toPrecision(3)));
}
