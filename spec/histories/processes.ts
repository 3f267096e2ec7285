/**
 * Child processes that are asked for something and answer, and that can be killed and stopped.
 *
 * A child is a TypeScript module that calls `serve`. It ends when its parent does.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { repository } from '../support/command.js';

interface Request {
  readonly id: number;
  readonly what: string;
  readonly args: readonly unknown[];
}
interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}
interface Note {
  readonly note: unknown;
}

/** The parent's side. */
export class Child {
  /** Told of what the child says unasked. */
  onNote: ((note: unknown) => void) | undefined;
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 0;
  #gone = false;

  /** Starts the module at `url`. */
  constructor(url: URL) {
    const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
    const settings = { cwd: repository, env, execArgv: ['--import', 'tsx'] };
    this.#process = fork(url, { ...settings, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message) => this.#hear(message as Answer | Note));
    // A message to one that was just killed fails; `exited` tells.
    this.#process.on('error', () => {});
    this.exited = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#gone = true;
        for (const { reject } of this.#asked.values()) reject(new Error(`child ended by ${signal ?? code}`));
        this.#asked.clear();
        resolve();
      });
    });
  }

  /** Asks and waits for the answer; rejects when the child ends before it. */
  ask<T>(what: string, ...args: readonly unknown[]): Promise<T> {
    if (this.#gone) return Promise.reject(new Error('child has ended'));
    const id = this.#next;
    this.#next += 1;
    return new Promise<T>((resolve, reject) => {
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, what, args } satisfies Request, () => {});
    });
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(signal);
  }

  /** Kills it, stopped or not, and waits for its end. */
  async end(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  #hear(message: Answer | Note): void {
    if ('note' in message) {
      this.onNote?.(message.note);
      return;
    }
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (message.error === undefined) asked?.resolve(message.value);
    else asked?.reject(new Error(message.error));
  }
}

export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The child's side: answers each question by the handler of its name. */
export function serve(handlers: Handlers): void {
  process.on('disconnect', () => process.exit());
  process.on('message', ({ id, what, args }: Request) => {
    const answer = async (): Promise<Answer> => {
      try {
        return { id, value: await handlers[what]?.(...(args as never[])) };
      } catch (error) {
        return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
      }
    };
    void answer().then((sent) => process.send?.(sent));
  });
}

/** Says something unasked. */
export function tell(note: unknown): void {
  process.send?.({ note } satisfies Note);
}

/** The same, and comes back when it is on its way: whoever is killed after that has said it. */
export function tellSurely(note: unknown): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send({ note } satisfies Note, () => resolve());
  });
}
