/** What the status bar shows for each state. Pure: nothing here touches the editor. */

/** The server's states, and two of our own: no server on this machine; one that is not running. */
export type State =
  | "missing"
  | "stopped"
  | "starting"
  | "loading"
  | "ready"
  | "thinking"
  | "learning"
  | "idle"
  | "trouble";

/** The params of the server's `squill/status`; texts are empty where unknown. */
export interface Status {
  readonly state: State;
  readonly message: string;
  readonly dialect: string;
  readonly dialectOrigin: string;
  readonly model: string;
  readonly adapter: string;
}

export interface Presentation {
  /** Text of the status bar item, with its codicon. */
  readonly text: string;
  /** Paragraphs of the tooltip, plain text: what is the case, then what to do. */
  readonly tooltip: readonly string[];
  readonly severity: "none" | "warning" | "error";
}

interface Look {
  readonly icon: string;
  readonly label: string;
  readonly means: string;
  readonly todo: string;
}

const LOOKS: Record<State, Look> = {
  missing: {
    icon: "error",
    label: "not installed",
    means: "The server, a program named squill, was not found on this machine.",
    todo: "Click to install it, or to say where it is.",
  },
  stopped: {
    icon: "circle-slash",
    label: "stopped",
    means: "The language server does not run.",
    todo: "Click to start it.",
  },
  starting: {
    icon: "loading~spin",
    label: "starting",
    means: "The process that holds the model is being looked for, or started.",
    todo: "Nothing to do: a question that you write now is answered as soon as it runs.",
  },
  loading: {
    icon: "loading~spin",
    label: "loading",
    means: "The model is being loaded.",
    todo: "Nothing to do: a question that you write now is answered when it is there.",
  },
  ready: {
    icon: "sparkle",
    label: "ready",
    means: "Squill waits for a question.",
    todo: "Write a comment that says what you want, and press Enter.",
  },
  thinking: {
    icon: "sync~spin",
    label: "thinking",
    means: "A question is with the model.",
    todo: "Go on typing to take it back.",
  },
  learning: {
    icon: "mortar-board",
    label: "learning",
    means: "A training on your example pairs is running. Questions are answered as before.",
    todo: "Nothing to do: what it learned is used only where it is measured to be better.",
  },
  idle: {
    icon: "moon",
    label: "idle",
    means: "The model's memory was given back.",
    todo: "The next question loads it again.",
  },
  trouble: {
    icon: "warning",
    label: "trouble",
    means: "Something is wrong.",
    todo: "Click for the menu: Doctor looks at the whole chain, Restart starts it anew.",
  },
};

const SEVERITIES: Partial<Record<State, Presentation["severity"]>> = {
  missing: "error",
  trouble: "warning",
};

const DIGEST_DIGITS = 12;

export const UNKNOWN: Status = {
  state: "stopped",
  message: "",
  dialect: "",
  dialectOrigin: "",
  model: "",
  adapter: "",
};

export function present(status: Status): Presentation {
  const look = LOOKS[status.state];
  const icon = status.state === "ready" && status.message ? "info" : look.icon;
  return {
    text: `$(${icon}) Squill: ${look.label}`,
    tooltip: [status.message || look.means, look.todo, ...facts(status)],
    severity: SEVERITIES[status.state] ?? "none",
  };
}

function facts(status: Status): string[] {
  const origin = status.dialectOrigin && ` (from: ${status.dialectOrigin})`;
  const lines = [
    status.dialect && `Dialect: ${status.dialect}${origin}`,
    status.model && `Model: ${status.model}`,
    status.adapter && `Adapter: ${status.adapter.slice(0, DIGEST_DIGITS)}`,
  ];
  return lines.filter((line) => line !== "");
}

/** The status in a notification of the server; what it does not tell is as it was `before`. */
export function readStatus(data: unknown, before: Status): Status {
  if (typeof data !== "object" || data === null) {
    return before;
  }
  const told = data as Record<string, unknown>;
  const text = (key: keyof Status): string => {
    const value = key in told ? told[key] : before[key];
    return typeof value === "string" ? value : "";
  };
  const state = text("state");
  return {
    state: isState(state) ? state : before.state,
    message: text("message"),
    dialect: text("dialect"),
    dialectOrigin: text("dialectOrigin"),
    model: text("model"),
    adapter: text("adapter"),
  };
}

function isState(name: string): name is State {
  return name in LOOKS;
}
