/**
 * Events as lines of JSON text, which is what the journal keeps.
 *
 *   {"t":"deposited","d":{"amount":5}}                  type, data; more members only where there is something to say:
 *   {"t":…,"d":…,"m":{…},"v":"2.0.0","i":"order-7/1"}    metadata, schema version, id
 *   {"f":{"json":{"t":…,"d":…},"meta":…}}               more than plain JSON (Date, Map, bigint, …): superjson's form
 */
import { isDeepStrictEqual } from 'node:util';
import { deepFreeze, type Held, hold, jsonCodec, parseLines, UnsupportedValueError } from '../codec/index.js';
import { type EventInput, type EventMetadata, type RecordedEvent, schemaVersionDefault } from './event.js';

/** What a line says. */
export interface EventContent {
  readonly t: string;
  readonly d?: unknown;
  readonly m?: EventMetadata;
  readonly v?: string;
  readonly i?: string;
}

/** An event on its way into the journal. */
export interface EventLine {
  readonly text: string;
  readonly bytes: number;
  /** What the line says, as a reader will find it. Frozen where it can be; else a copy at each call. */
  content(): EventContent;
}

/**
 * Takes a copy of an event.
 *
 * @throws `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE` for what can't be stored without loss; TypeError, RangeError for what is
 * no event.
 */
export function encodeEvent(event: EventInput, shared: EventMetadata | undefined): EventLine {
  const held = holdContent(contentOf(requireEvent(event), shared));
  const text = held.plain ? JSON.stringify(held.hand()) : `{"f":${(held.encode().data as { readonly S: string }).S}}`;
  return { text, bytes: Buffer.byteLength(text), content: () => held.hand() as EventContent };
}

/** @throws `UnsupportedValueError`, in whose path the members have the names that the caller knows. */
function holdContent(content: EventContent): Held {
  try {
    return hold(content, jsonCodec);
  } catch (error) {
    if (!(error instanceof UnsupportedValueError)) throw error;
    const path = error.path.replace(/^value\.([dm])(?!\w)/, (_all, member) => (member === 'd' ? 'data' : 'metadata'));
    throw new UnsupportedValueError(path, error.reason, error.cause);
  }
}

function contentOf(event: EventInput, shared: EventMetadata | undefined): EventContent {
  const { type, data, metadata, schemaVersion = schemaVersionDefault, id } = event;
  const all = shared === undefined ? metadata : { ...shared, ...metadata };
  return {
    t: type,
    ...(data !== undefined && { d: data }),
    ...(all !== undefined && Object.keys(all).length > 0 && { m: all }),
    ...(schemaVersion !== schemaVersionDefault && { v: schemaVersion }),
    ...(id !== undefined && { i: id }),
  };
}

/** Bytes of the text of some lines, with what ends each. */
export function bytesOf(lines: readonly EventLine[]): number {
  return lines.reduce((sum, { bytes }) => sum + bytes + 1, 0);
}

/** What the lines of one commit say, each frozen where it can be. */
export function decodeLines(text: string): EventContent[] {
  const values = parseLines(text) as (EventContent | { readonly f: unknown })[];
  return values.map((value) => ('f' in value ? formOf(value.f) : deepFreeze(value)));
}

/** Whether lines say what was stored, by types and data. Metadata may well differ: another request, another trace. */
export function haveContents(lines: readonly EventLine[], stored: readonly EventContent[]): boolean {
  const own = lines.map((line) => line.content());
  return (
    own.length === stored.length &&
    own.every(({ t, d }, at) => isDeepStrictEqual([t, d], [stored[at]?.t, stored[at]?.d]))
  );
}

function formOf(form: unknown): EventContent {
  return jsonCodec.decode({ S: JSON.stringify(form) }) as EventContent;
}

function requireEvent(event: EventInput): EventInput {
  if (typeof event !== 'object' || event === null) {
    throw new TypeError(
      `Cannot append: an event must be an object with a type: ${event === null ? 'null' : typeof event}`,
    );
  }
  const { type, metadata, schemaVersion, id } = event;
  requireText('type', type);
  if (id !== undefined) requireText('id', id);
  if (schemaVersion !== undefined) requireText('schemaVersion', schemaVersion);
  if (metadata !== undefined) requireMetadata(metadata);
  const isKnown = 'seq' in event ? isOfRecorded : isOfInput;
  for (const name of Object.keys(event)) {
    if (Object.hasOwn(isKnown, name)) continue;
    throw new TypeError(
      `Cannot append: an event has no ${JSON.stringify(name)}, it would be lost; put what happened into data, what else there is to say into metadata`,
    );
  }
  return event;
}

function requireText(name: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new TypeError(`Cannot append: ${name} of an event must be a string: ${typeof value}`);
  if (value === '' || Buffer.byteLength(value) > textBytesMax) {
    throw new RangeError(
      `Cannot append: ${name} of an event must have 1 to ${textBytesMax} bytes: ${Buffer.byteLength(value)}`,
    );
  }
}

/** Of a type, an id, a version. */
const textBytesMax = 512;

/** Members of an event that are stored. */
const isOfInput: Readonly<Record<keyof EventInput, true>> = {
  ...{ type: true, data: true, metadata: true, schemaVersion: true, id: true },
};
/** Of one that was read, and is appended elsewhere: what a store says of it, it says anew. */
const isOfRecorded: Readonly<Record<keyof RecordedEvent, true>> = {
  ...isOfInput,
  ...{ stream: true, seq: true, time: true, commandId: true, position: true },
};

/** @throws TypeError for what is no metadata: of a Map, or a Date, nothing would be stored. */
export function requireMetadata(metadata: unknown): void {
  if (isPlainObject(metadata)) return;
  const given = metadata === null ? 'null' : typeof metadata;
  throw new TypeError(
    `Cannot append: metadata must be an object: ${given === 'object' ? `an instance of ${metadata?.constructor?.name}` : given}`,
  );
}

/** Of whatever realm. */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
