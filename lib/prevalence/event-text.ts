/**
 * Events as lines of JSON text, which is what the journal keeps.
 *
 *   {"kind":"paid","amount":5}                 plain JSON: as it is
 *   {"~":{"i":"order-7"},"e":{"kind":"paid"}}  with an idempotency id
 *   {"~":{"f":1},"e":{"json":…,"meta":…}}      more than plain JSON (Date, Map, bigint, …): superjson's form
 *
 * A plain event that has a member `~` itself is wrapped as well, so nothing is mistaken.
 */
import { hold, jsonCodec } from '../codec/index.js';

/** An event on its way into the journal. */
export interface EventLine<E> {
  /** One line of JSON. */
  readonly text: string;
  /** The event, for a handler: frozen, or a fresh copy where freezing protects nothing. */
  readonly hand: () => E;
}

/** What stands around an event that is not as it is. */
interface Wrap {
  /** The id. */
  readonly i?: string;
  /** In superjson's form. */
  readonly f?: 1;
}

/**
 * Takes a copy of an event.
 *
 * @throws `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE` for what can't be stored without loss.
 */
export function encodeEvent<E>(event: E, id: string | undefined): EventLine<E> {
  const held = hold(event, jsonCodec);
  const hand = (): E => held.hand() as E;
  if (!held.plain) {
    const { data } = held.encode();
    return { text: wrapped({ ...(id !== undefined && { i: id }), f: 1 }, (data as { S: string }).S), hand };
  }
  const value = hand();
  const text = JSON.stringify(value);
  if (id === undefined && !isWrapped(value)) return { text, hand };
  return { text: wrapped(id === undefined ? {} : { i: id }, text), hand };
}

function wrapped(wrap: Wrap, text: string): string {
  return `{"~":${JSON.stringify(wrap)},"e":${text}}`;
}

/** An event as it was read. */
export interface ReadEvent {
  readonly event: unknown;
  readonly id: string | undefined;
}

/** Reads the lines of one commit, all at once: one call of the parser is several times as fast as one a line. */
export function decodeEvents(text: string): ReadEvent[] {
  if (text === '') return [];
  const values = JSON.parse(`[${text.replaceAll('\n', ',')}]`) as unknown[];
  return values.map(readEvent);
}

function readEvent(value: unknown): ReadEvent {
  if (!isWrapped(value)) return { event: deepFreeze(value), id: undefined };
  const { '~': wrap, e } = value as { readonly '~': Wrap; readonly e: unknown };
  if (wrap.f !== 1) return { event: deepFreeze(e), id: wrap.i };
  return { event: jsonCodec.decode({ S: JSON.stringify(e) }), id: wrap.i };
}

function isWrapped(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, '~');
}

/** Freezes what the JSON parser made, so that a handler sees at a replay what it saw at first. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) if (typeof member === 'object') deepFreeze(member);
  return Object.freeze(value);
}
