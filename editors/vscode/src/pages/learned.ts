import { number, record, records, text, type Json } from "../results";
import { curves, moment } from "./curves";
import { button, escape, table } from "./html";

export const COMMANDS = ["squill.retrainNow", "squill.rollBack", "squill.chooseAdapter", "squill.showPairs"];

const DIGEST_DIGITS = 12;

/** The body for what `squill.learned` answers. */
export function learnedBody(answer: unknown): string {
  const learned = record(answer);
  const adapters = records(learned.adapters);
  const trainings = records(learned.trainings);
  const actions = [
    button("squill.retrainNow", "Retrain Now"),
    button("squill.rollBack", "Roll Back"),
    button("squill.chooseAdapter", "Choose an Adapter"),
    button("squill.showPairs", "Example Pairs"),
  ];
  return [
    `<p>${escape(summary(adapters, trainings))}</p>`,
    `<p>${actions.join("")}</p>`,
    curves(adapters, trainings),
    section("Trainings", ["When", "Pairs", "Before", "After", "Seconds", "In use then?"], trainings.map(training).reverse()),
    section("Adapters", ["Adapter", "Made", "Pairs", "Why"], adapters.map(adapter)),
  ].join("\n");
}

function summary(adapters: readonly Json[], trainings: readonly Json[]): string {
  if (adapters.length === 0 && trainings.length > 0) {
    return "Nothing that was learned is kept: no training made the answers better by what was measured.";
  }
  if (adapters.length === 0) {
    return "Nothing was learned yet. Keep some queries as examples; then Squill trains on them, and uses what it learned only where that is measured to be better.";
  }
  const active = adapters.find((each) => each.active === true);
  const count = adapters.length === 1 ? "One adapter was" : `${adapters.length} adapters were`;
  const used = active === undefined ? "none is in use" : `${name(active)} is in use`;
  return `${count} trained from example pairs; ${used}.`;
}

function section(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length > 0 ? `<h2>${escape(title)}</h2>${table(heads, rows)}` : "";
}

function training(each: Json): string[] {
  const verdict = each.promoted === true ? '<span class="ok">✓</span>' : '<span class="warning">no</span>';
  const seconds = number(each.seconds)?.toFixed(0) ?? "";
  return [
    ...[moment(each.time), text(each.pairs), text(each.before), text(each.after), seconds].map(escape),
    `${verdict} ${escape(text(each.reason))}`,
  ];
}

function adapter(each: Json): string[] {
  const mark = each.active === true ? '<span class="ok">✓</span> ' : "";
  return [
    `${mark}<code>${escape(name(each))}</code>`,
    ...[moment(each.created), text(each.pairs), text(each.reason)].map(escape),
  ];
}

function name(each: Json): string {
  return text(each.digest).slice(0, DIGEST_DIGITS);
}
