/** One bucket of the stand-in: objects and their conditional writes, each judged and done in one step. Knows nothing of HTTP. */
import { createHash } from 'node:crypto';
import type { Conduct } from './conduct.js';
import type { KeptObjects } from './kept-objects.js';
import { Refusal } from './refusal.js';

/** An object as it stands. */
export interface StoredObject {
  readonly body: Buffer;
  /** With its quotes. Made of the body alone: metadata do not change it. */
  readonly etag: string;
  /** What a GET gives back beside it: content type, metadata, checksum. */
  readonly headers: Readonly<Record<string, string>>;
  readonly modified: Date;
}

/** `If-Match` and `If-None-Match` of a request. */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

const unquoted = (etag: string): string => etag.replaceAll('"', '');

export class StoredObjects {
  readonly #objects: Map<string, StoredObject>;
  readonly #kept: KeptObjects | undefined;
  /** How many writes each key has seen, and of these how many deletes: for those that overlap. */
  readonly #writes = new Map<string, number>();
  readonly #conduct: Conduct;
  #keys: string[] | undefined;

  /** `kept`: where they are to be found again by the next server. */
  constructor(conduct: Conduct, kept?: KeptObjects) {
    this.#conduct = conduct;
    this.#kept = kept;
    this.#objects = kept?.load() ?? new Map<string, StoredObject>();
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** All keys in the order of their UTF-8 bytes, which is not that of JavaScript. */
  keys(): readonly string[] {
    this.#keys ??= [...this.#objects.keys()]
      .map((key) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
    return this.#keys;
  }

  /** What is to be handed to `put`: a write that ends between the two has raced with it. */
  writesOf(key: string): number {
    return this.#writes.get(key) ?? 0;
  }

  /** @throws {Refusal} when the conditions do not hold. */
  put(
    key: string,
    body: Buffer,
    headers: StoredObject['headers'],
    conditions: Conditions,
    since: number,
  ): StoredObject {
    this.judge(key, conditions, since);
    const object = {
      ...{ body, headers, modified: new Date() },
      etag: `"${createHash('md5').update(body).digest('hex')}"`,
    };
    if (!this.#objects.has(key)) this.#keys = undefined;
    this.#kept?.put(key, object);
    this.#objects.set(key, object);
    this.#written(key);
    return object;
  }

  /** Gone, also if it never was. */
  delete(key: string, { ifMatch }: Conditions = {}): void {
    const found = this.#objects.get(key);
    if (ifMatch !== undefined && !this.#conduct.ignoresConditions) {
      if (found === undefined) throw new Refusal('NoSuchKey');
      if (ifMatch !== '*' && !this.#matches(found, ifMatch)) throw new Refusal('PreconditionFailed');
    }
    this.#kept?.delete(key);
    if (this.#objects.delete(key)) this.#keys = undefined;
    this.#written(key);
  }

  /** Other bytes under the same ETag and headers. */
  spoil(key: string, spoiled: (body: Buffer) => Buffer): void {
    const object = this.#objects.get(key);
    if (object === undefined) throw new Error(`nothing to spoil at ${key}`);
    this.#objects.set(key, { ...object, body: spoiled(object.body) });
  }

  #written(key: string): void {
    this.#writes.set(key, this.writesOf(key) + 1);
  }

  #matches({ etag }: StoredObject, ifMatch: string): boolean {
    // As radosgw does: it keeps ETags bare and compares the text that came.
    if (this.#conduct.quotesLiterally) return unquoted(etag) === ifMatch;
    return unquoted(etag) === unquoted(ifMatch);
  }

  /** @throws {Refusal} when the conditions do not hold. */
  judge(key: string, { ifMatch, ifNoneMatch }: Conditions, since: number): void {
    if (this.#conduct.ignoresConditions || (ifMatch === undefined && ifNoneMatch === undefined)) return;
    if (this.#conduct.tellsRaces && this.writesOf(key) !== since) throw new Refusal('ConditionalRequestConflict');
    const found = this.#objects.get(key);
    if (ifNoneMatch !== undefined && found !== undefined) throw new Refusal('PreconditionFailed');
    if (ifMatch === undefined) return;
    if (found === undefined) throw new Refusal(this.#conduct.missingIsUnmet ? 'PreconditionFailed' : 'NoSuchKey');
    if (!this.#matches(found, ifMatch)) throw new Refusal('PreconditionFailed');
  }
}
