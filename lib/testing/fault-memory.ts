/**
 * Remembers answers of GetItem, so that a read that is not consistent may be given an older one, as replicas do.
 *
 * Only what was once the truth is ever served: an answer of the engine to the very same read.
 */
import type { WireAnswer } from './fault-answers.js';

const keysMax = 1_000;
const answersMax = 8;

interface Read {
  readonly key: string;
  readonly consistent: boolean;
}

function parse(body: Buffer): Read {
  const { ConsistentRead = false, ...rest } = JSON.parse(body.toString()) as { readonly ConsistentRead?: boolean };
  return { key: JSON.stringify(rest), consistent: ConsistentRead };
}

/** Older answers by read. */
export class AnswerMemory {
  readonly #answers = new Map<string, WireAnswer[]>();

  /** Keeps a good answer to the GetItem in `body`, unless it says the same as the one before it. */
  remember(body: Buffer, answer: WireAnswer): void {
    if (answer.status !== 200) return;
    const { key } = parse(body);
    const known = this.#answers.get(key) ?? [];
    if (known.at(-1)?.body.equals(answer.body)) return;
    known.push(answer);
    if (known.length > answersMax) known.shift();
    this.#answers.delete(key);
    this.#answers.set(key, known);
    const oldest = this.#answers.keys().next();
    if (this.#answers.size > keysMax && !oldest.done) this.#answers.delete(oldest.value);
  }

  /** One of the remembered answers, chosen by `draw` (0 to 1); `undefined` for consistent reads and where none is known. */
  recall(body: Buffer, draw: number): WireAnswer | undefined {
    const { key, consistent } = parse(body);
    const known = this.#answers.get(key);
    if (consistent || known === undefined) return undefined;
    return known[Math.floor(draw * known.length)];
  }
}
