/**
 * What a run says. Results go to standard output, all else to standard error; with `--json` each is one line of JSON.
 */
import type { Writable } from 'node:stream';

/** Where it is said. */
interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Names, purposes and values may be written by others: what would move a terminal's cursor is shown, not obeyed. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (character) => {
    return character === '\n' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Says it in words, or as JSON. */
export class Output {
  readonly json: boolean;
  readonly #streams: Streams;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
  }

  /** A result: `document` with `--json`, else `text`; nothing where that is `undefined`. */
  result(document: unknown, text: string | undefined): void {
    if (this.json) this.#streams.stdout.write(`${JSON.stringify(document)}\n`);
    else if (text !== undefined) this.#streams.stdout.write(`${text}\n`);
  }

  /** Something on the way to the result: `event` names it for programs. */
  note(event: string, facts: Readonly<Record<string, unknown>>, text: string): void {
    this.#streams.stderr.write(this.json ? `${JSON.stringify({ event, ...facts })}\n` : `leyden: ${oneLine(text)}\n`);
  }

  /** Why it failed. */
  failure(facts: { readonly code: string; readonly message: string }, advice?: string): void {
    if (this.json) this.#streams.stderr.write(`${JSON.stringify({ error: facts })}\n`);
    else this.#streams.stderr.write(`leyden: ${oneLine(facts.message)}\n${advice === undefined ? '' : `${advice}\n`}`);
  }
}
