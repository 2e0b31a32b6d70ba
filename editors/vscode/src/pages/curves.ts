/** What was learned as lines: from the adapters' figures and the trainings' losses. Pure. */

import { number, record, text, type Json } from "../results";
import { chart, type Series } from "./chart";

/** So many trainings' losses are drawn, the newest first. */
const TRAININGS = 3;

/** `adapters` newest first, `trainings` oldest first, as the server gives them. */
export function curves(adapters: readonly Json[], trainings: readonly Json[]): string {
  const figures = adapters.map((adapter) => record(adapter.figures)).reverse();
  return [
    shares("Your questions answered right, in %", figures, "pairs"),
    shares("General questions answered right, in %", figures, "canary"),
    chart("Loss at each step of a training", trainings.slice(-TRAININGS).reverse().map(losses)),
  ].join("\n");
}

/** One point for each adapter, in the order of their making. */
function shares(title: string, figures: readonly Json[], kind: "pairs" | "canary"): string {
  const line = (name: string, right: string): Series => ({
    name,
    points: figures.flatMap((each, index) => {
      const share = percent(number(each[right]), number(each[`${kind}_asked`]));
      return share === undefined ? [] : [[index + 1, share] as const];
    }),
  });
  return chart(title, [line("with the new adapter", `${kind}_right`), line("before", `${kind}_right_before`)]);
}

function percent(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || whole === 0 ? undefined : (100 * part) / whole;
}

function losses(training: Json): Series {
  const values: unknown[] = Array.isArray(training.losses) ? training.losses : [];
  return {
    name: moment(training.time),
    points: values.flatMap((value, index) => {
      const loss = number(value);
      return loss === undefined ? [] : [[index + 1, loss] as const];
    }),
  };
}

/** An ISO time to the minute. */
export function moment(time: unknown): string {
  return text(time).slice(0, 16).replace("T", " ");
}
