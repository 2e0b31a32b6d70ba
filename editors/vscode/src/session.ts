import { homedir } from "node:os";

import * as vscode from "vscode";
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  type ClientCapabilities,
  type ErrorHandler,
  type LanguageClientOptions,
  type StaticFeature,
} from "vscode-languageclient/node";

import { declaredSettings, editorSettings } from "./editorSettings";
import { LANGUAGES } from "./languages";
import { locate, NEUTRAL_FOLDER, type Found } from "./locate";
import { readStatus, UNKNOWN, type Status } from "./status";

/** A server that stops more often than `CRASHES` times in `CRASH_WINDOW_MS` is left alone. */
const CRASHES = 3;
const CRASH_WINDOW_MS = 180_000;

/** The language server of this window: finds it, starts it, and knows its state. */
export class Session implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Status>();
  private current: Status = UNKNOWN;
  private client: LanguageClient | undefined;
  private crashes: number[] = [];
  private settled: Promise<void> = Promise.resolve();

  readonly onStatus = this.changed.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly output: vscode.LogOutputChannel,
    /** Our own installation's program, whether it is there or not. */
    private readonly installed: string,
  ) {}

  get status(): Status {
    return this.current;
  }

  get isRunning(): boolean {
    return this.client?.isRunning() === true;
  }

  /** The running client. Throws a sentence for the user where there is none. */
  get running(): LanguageClient {
    if (this.client?.isRunning() !== true) {
      throw new Error(`Squill's language server does not run. ${this.current.message}`.trim());
    }
    return this.client;
  }

  /** Where the server is; undefined where there is none that can be run, and the status says so. */
  find(): Found | undefined {
    const setting = vscode.workspace.getConfiguration("squill").get<string>("server.path", "");
    const found = locate({
      setting: setting.trim(),
      path: process.env.PATH ?? "",
      home: homedir(),
      installed: this.installed,
    });
    // The walkthrough ticks its first step by it.
    void vscode.commands.executeCommand("setContext", "squill.hasServer", found !== undefined && "command" in found);
    if (found === undefined) {
      this.show({ state: "missing", message: "" });
    } else if ("problem" in found) {
      this.show({ state: "trouble", message: found.problem });
    } else {
      return found;
    }
    return undefined;
  }

  /** Starts, restarts or gives up the server, one after the other; never throws. */
  async restart(): Promise<void> {
    this.settled = this.settled.then(() => this.stop()).then(() => this.start());
    await this.settled;
  }

  /** Has the server ask for its settings again. */
  async settingsChanged(): Promise<void> {
    if (this.client?.isRunning() === true) {
      await this.client.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
    }
  }

  /** Tells the server that the window's workspace is trusted; it reads its settings again. */
  async trustGranted(): Promise<void> {
    if (this.client?.isRunning() === true) {
      await this.client.sendNotification("squill/trust", { trusted: true });
    } else {
      await this.restart();
    }
  }

  /** What the server's command answers. Throws its sentence where it fails. */
  async execute(command: string, argument: object = {}): Promise<unknown> {
    const params = { command, arguments: [argument] };
    return this.running.sendRequest(ExecuteCommandRequest.type, params);
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose().catch((error: unknown) => {
      this.output.warn(`The server did not stop in order: ${String(error)}`);
    });
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async start(): Promise<void> {
    const found = this.find();
    if (found === undefined) {
      return;
    }
    this.show({ ...UNKNOWN, state: "starting" });
    const client = this.makeClient(found);
    this.client = client;
    try {
      await client.start();
      this.output.info(`Started ${found.command} (${client.initializeResult?.serverInfo?.version ?? "version unknown"}).`);
    } catch (error) {
      this.client = undefined;
      this.show({
        state: "trouble",
        message: `${found.command} lsp could not be started: ${String(error)}. Run Squill: Doctor.`,
      });
    }
  }

  private makeClient({ command }: Found): LanguageClient {
    // Not in the workspace, whose files are data.
    const server = { command, args: ["lsp"], options: { cwd: NEUTRAL_FOLDER } };
    const client = new LanguageClient("squill", "Squill", server, this.clientOptions());
    client.registerFeature(suggestionsAsChosen());
    client.onNotification("squill/status", (data: unknown) => {
      if (client === this.client) {
        this.show(readStatus(data, this.current));
      }
    });
    client.onNotification("squill/untrusted", (data: unknown) => {
      void tellLeftOut(data);
    });
    return client;
  }

  private clientOptions(): LanguageClientOptions {
    const names = declaredSettings(this.context.extension.packageJSON);
    return {
      documentSelector: LANGUAGES.map((language) => ({ language })),
      outputChannel: this.output,
      initializationOptions: { ...editorSettings(names), trusted: vscode.workspace.isTrusted },
      initializationFailedHandler: () => false,
      errorHandler: this.errorHandler(),
      middleware: {
        workspace: {
          configuration: ({ items }) =>
            items.map(({ scopeUri }) => editorSettings(names, scopeUri === undefined ? undefined : vscode.Uri.parse(scopeUri))),
        },
        provideInlineCompletionItems: (document, position, context, token, next) =>
          wantsGhostText() ? next(document, position, context, token) : undefined,
      },
    };
  }

  private errorHandler(): ErrorHandler {
    return {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        const now = Date.now();
        this.crashes = [...this.crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
        const again = this.crashes.length <= CRASHES;
        const message = "The language server has ended unexpectedly.";
        this.show(
          again
            ? { state: "starting", message: `${message} It is started again.` }
            : { state: "trouble", message: `${message} See the log; Restart starts it again.` },
        );
        return { action: again ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
      },
    };
  }

  private show(changes: Partial<Status>): void {
    this.current = { ...this.current, ...changes };
    this.changed.fire(this.current);
  }
}

/** Says what an untrusted workspace's files would have set, with the way to trust it. */
async function tellLeftOut(data: unknown): Promise<void> {
  if (typeof data !== "object" || data === null || !("message" in data)) {
    return;
  }
  const manage = "Manage Workspace Trust";
  const chosen = await vscode.window.showInformationMessage(`Squill: ${String(data.message)}`, manage);
  if (chosen === manage) {
    await vscode.commands.executeCommand("workbench.trust.manage");
  }
}

function wantsGhostText(): boolean {
  return vscode.workspace.getConfiguration("squill").get("suggestions") !== "completion";
}

/** The server offers completion items to an editor that does not announce inline completion. */
function suggestionsAsChosen(): StaticFeature {
  return {
    fillClientCapabilities(capabilities: ClientCapabilities): void {
      if (!wantsGhostText()) {
        delete capabilities.textDocument?.inlineCompletion;
      }
    },
    initialize: () => undefined,
    getState: () => ({ kind: "static" }),
    clear: () => undefined,
  };
}
