/**
 * The parts of large values: written before the item that names them, read after it, marked or removed when no item does.
 *
 *   write    bytes ──cut──> parts ──> manifest            the item's own conditional write commits it, or does not
 *   read     manifest ──> parts ──> bytes                 each checked, and the whole by its digest
 *   mark     of a value that was replaced: removable in an hour, so that whoever reads it can finish
 *   remove   of a value that certainly was not committed: at once
 *
 * An id names one content for ever. So a put may be repeated and may come late, and reads need not be strongly consistent: what is
 * seen is right, and what is not seen yet is asked for again.
 *
 * Invariant: nothing here is removed or marked that an item may still come to name. Whoever calls `mark` has seen the item move on
 * from it; whoever calls `remove` knows that the write which names it can never be applied. What nobody can know is left to the
 * sweep of `parts-sweep.ts`.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { contentOf, DecodeError, type Encoded, formFrom, headOf, type Item, itemBytes } from '../../codec/index.js';
import type { Expression, WriteAnswer } from '../../engine/index.js';
import type { PartsEvent } from '../diagnostics/diagnostics.js';
import { DeadlineError } from '../errors.js';
import type { Retry } from '../ground.js';
import { eachOf } from '../slots.js';
import type { Manifest } from './manifest.js';
import { PartRequests, type PartsGround, partsAtOnce } from './part-requests.js';
import type { Owner, PartStore, PartsWrite } from './part-store.js';
import { bytesOfPart, emptyPart, formatPart, type PartsFacts, partKey } from './parts-format.js';

/** How long parts stay after no item names them any more. */
const graceMs = 60 * 60 * 1_000;
/** Bytes that are hashed before others have their turn. */
const hashBytesMax = 8 * 1_024 * 1_024;
/** Bytes of a value that a part has at least. */
const partBytesMin = 256;
/** Larger than any count; for working out the room in a part. */
const countMax = 999_999;

/** A part that is not there. The item may have moved on since it was read. */
export class MissingPart extends Error {
  readonly damage: DecodeError;

  constructor(key: string, { id, count }: Manifest, number: number) {
    super('missing');
    this.damage = new DecodeError(key, 'damaged', `part ${number} of ${count} of value ${id} is missing`);
  }
}

export class Parts implements PartStore {
  readonly #ground: PartsGround;
  readonly #requests: PartRequests;

  constructor(ground: PartsGround, retry: Retry) {
    this.#ground = ground;
    this.#requests = new PartRequests(ground, retry);
  }

  newId(): string {
    return Buffer.from(this.#ground.randomBytes(16)).toString('base64url');
  }

  async write(form: Encoded, facts: PartsWrite): Promise<Manifest> {
    const { id, owner, base, rules, prior, signal } = facts;
    const until = facts.expiresAt === undefined ? undefined : facts.expiresAt + graceMs / 1_000;
    const content = contentOf(form);
    const head = Buffer.from(headOf(form)).toString('base64url');
    const digest = await digestOf(content);
    if (prior !== undefined && prior.digest === digest && prior.head === head && lastsFor(prior, until)) return prior;
    const about = (count: number): PartsFacts => ({ id, count, owner: owner.texts, base, at: this.#now() });
    const room = rules.partBytesMax - itemBytes(emptyPart(about(countMax), this.#ground));
    // A long key leaves little room in small parts.
    const partBytes = Math.max(room, partBytesMin);
    const count = Math.ceil(content.length / partBytes);
    const bytes = content.length;
    const manifest: Manifest = { id, count, partBytes, bytes, digest, head, ...(until !== undefined && { until }) };
    const common = about(count);
    let begun = 0;
    try {
      await eachOf(count, partsAtOnce, (number) => {
        begun = number + 1;
        const piece = content.subarray(number * partBytes, (number + 1) * partBytes);
        return this.#requests.put(owner.key, signal, () => formatPart(common, number, piece, until, this.#ground));
      });
    } catch (error) {
      this.remove({ id, count: begun }, owner);
      throw error;
    }
    return manifest;
  }

  async read(manifest: Manifest, owner: Owner, deadlineAt: number): Promise<Encoded> {
    const { id, count, partBytes, bytes, digest, head } = manifest;
    const damaged = (what: string) => new DecodeError(owner.key, 'damaged', `value ${id} in parts: ${what}`);
    const content = Buffer.allocUnsafeSlow(bytes);
    await eachOf(count, partsAtOnce, async (number) => {
      const get = (consistent: boolean) =>
        this.#requests.get(owner.key, partKey(id, number, this.#ground), consistent, deadlineAt);
      const item = (await get(false)) ?? (await get(true));
      if (item === undefined) throw new MissingPart(owner.key, manifest, number);
      const piece = bytesOfPart(item, { id, count, owner: owner.texts }, number, this.#ground, owner.key);
      if (piece.length !== Math.min(partBytes, bytes - number * partBytes))
        throw damaged(`part ${number} has another length`);
      content.set(piece, number * partBytes);
    });
    if ((await digestOf(content)) !== digest) throw damaged('its digest is another one');
    try {
      return formFrom(Buffer.from(head, 'base64url'), content);
    } catch {
      throw damaged('it is no form of a value');
    }
  }

  mark(manifest: Manifest, owner: Owner): void {
    const { names, keyNames } = this.#ground;
    const expiresAt = Math.ceil((this.#now() + graceMs) / 1_000);
    if (manifest.until !== undefined && manifest.until <= expiresAt) return;
    const update: Expression = {
      expression: 'SET #x = :x',
      names: { '#x': names.expiresAt },
      values: { ':x': { N: String(expiresAt) } },
    };
    // One that is gone must not come back as a mark without a part.
    const condition: Expression = { expression: 'attribute_exists(#k)', names: { '#k': keyNames[0] as string } };
    this.#each('mark', manifest, owner, (table, key, signal) =>
      this.#ground.engine.update({ table, key, update, condition }, { signal }),
    );
  }

  remove(manifest: Pick<Manifest, 'id' | 'count'>, owner: Owner): void {
    this.#each('remove', manifest, owner, (table, key, signal) =>
      this.#ground.engine.delete({ table, key }, { signal }),
    );
  }

  removeOne(key: Item, owner: string): Promise<void> {
    return this.#requests.write(owner, this.#requests.deadline(), (table, signal) =>
      this.#ground.engine.delete({ table, key }, { signal }),
    );
  }

  /** The same for all parts of a value, in the background. */
  #each(
    action: PartsEvent['action'],
    { id, count }: Pick<Manifest, 'id' | 'count'>,
    owner: Owner,
    send: (table: string, key: Item, signal: AbortSignal) => Promise<WriteAnswer>,
  ): void {
    const { life, events } = this.#ground;
    const deadlineAt = this.#requests.deadline();
    let parts = 0;
    let errorName = '';
    const step = async (number: number) => {
      const key = partKey(id, number, this.#ground);
      try {
        await this.#requests.write(owner.key, deadlineAt, (table, signal) => send(table, key, signal));
      } catch (error) {
        parts += 1;
        errorName = nameOf(error);
      }
    };
    const activity = { outlives: false };
    life.began(activity);
    void eachOf(count, partsAtOnce, step).then(() => {
      life.ended(activity);
      if (parts > 0 && events.wants('parts')) events.tell('parts', { key: owner.key, action, parts, errorName });
    });
  }

  #now(): number {
    return Math.floor(this.#ground.clock.now());
  }
}

function nameOf(error: unknown): string {
  const { name, cause } = error as Error;
  return error instanceof DeadlineError && cause instanceof Error ? cause.name : name;
}

/** Whether parts that were written for another item last as long as they would if they were written now, and no longer. */
function lastsFor(prior: Manifest, until: number | undefined): boolean {
  if (prior.until === undefined || until === undefined) return prior.until === until;
  return prior.until >= until;
}

async function digestOf(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.length; at += hashBytesMax) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + hashBytesMax));
  }
  return hash.digest('base64url');
}
