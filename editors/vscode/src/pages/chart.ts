/** Line charts as SVG text. Pure. */

import { escape } from "./html";

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 360;
const HEIGHT = 180;
const MARGIN = { left: 44, right: 10, top: 10, bottom: 22 };
const COLOURS = 4;

/** One figure with a line for each series that has points; empty where none has. */
export function chart(title: string, given: readonly Series[]): string {
  const series = given.filter(({ points }) => points.length > 0);
  if (series.length === 0) {
    return "";
  }
  const points = series.flatMap((each) => each.points);
  const x = scale(points.map(([value]) => value), MARGIN.left, WIDTH - MARGIN.right);
  const y = scale(points.map(([, value]) => value), HEIGHT - MARGIN.bottom, MARGIN.top);
  const lines = series.map((each, index) => line(each, index % COLOURS, x.at, y.at));
  const keys = series.map(({ name }, index) => `<span class="key key${index % COLOURS}"></span>${escape(name)}`);
  return `<figure><figcaption>${escape(title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">
${axes(x, y)}
${lines.join("\n")}
</svg><div class="quiet">${keys.join("")}</div></figure>`;
}

interface Scale {
  readonly low: number;
  readonly high: number;
  readonly at: (value: number) => number;
}

function scale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = high - low || 1;
  return { low, high, at: (value) => from + ((value - low) / span) * (to - from) };
}

function line({ points }: Series, colour: number, x: Scale["at"], y: Scale["at"]): string {
  const places = points.map(([at, value]) => `${round(x(at))},${round(y(value))}`);
  const dots = places.map((place) => `M${place}h0`).join("");
  return `<polyline class="line series${colour}" points="${places.join(" ")}"/><path class="dot series${colour}" d="${dots}"/>`;
}

function axes(x: Scale, y: Scale): string {
  const bottom = HEIGHT - MARGIN.bottom;
  const text = (at: number, height: number, anchor: string, value: number): string =>
    `<text x="${at}" y="${height}" text-anchor="${anchor}">${label(value)}</text>`;
  return [
    `<path class="axis" fill="none" d="M${MARGIN.left},${MARGIN.top}V${bottom}H${WIDTH - MARGIN.right}"/>`,
    text(MARGIN.left - 6, bottom, "end", y.low),
    ...(y.high > y.low ? [text(MARGIN.left - 6, MARGIN.top + 8, "end", y.high)] : []),
    text(MARGIN.left, HEIGHT - 6, "start", x.low),
    ...(x.high > x.low ? [text(WIDTH - MARGIN.right, HEIGHT - 6, "end", x.high)] : []),
  ].join("");
}

function label(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
