/**
 * The aggregates of a run: purses, whose state has a digest of all events that led to it, with their numbers and times. Each event says
 * what its command found, so a decision on another state than the one before it is found out.
 */
import { createHash } from 'node:crypto';
import { AggregateType, type RecordedEvent, type Truth } from '../../../lib/events/index.js';

/** What is to be done. All that is written of it follows from this. */
export interface Order {
  /** Names it; its command id, if it has one. */
  readonly uid: string;
  readonly stream: string;
  /** `note`: a plain append. */
  readonly op: 'add' | 'take' | 'ensure' | 'note';
  readonly amount: number;
  /** Events that it leads to, if to any. */
  readonly count: number;
  readonly padLength: number;
  /** How it is known again: not at all, by a command id, or by the id of its first event. */
  readonly key: 'none' | 'command' | 'event';
}

export interface PurseState {
  readonly count: number;
  readonly balance: number;
  readonly rolling: string;
}

interface PurseData {
  readonly uid: string;
  readonly at: number;
  readonly of: number;
  readonly amount: number;
  /** What was there before; `null` of a plain append, which does not look. */
  readonly before: number | null;
  readonly pad: string;
}
export interface PurseEvent {
  readonly type: 'put' | 'took' | 'noted';
  readonly data: PurseData;
  readonly id?: string;
}

/** What commands are handed: a pause in the middle of the decision. */
interface PurseServices {
  readonly pause: () => Promise<void>;
}

/** A purse holds less than is to be taken. */
export class Refused extends Error {
  readonly state: PurseState;
  constructor(state: PurseState) {
    super(`there are ${state.balance}`);
    this.state = state;
  }
}

export const emptyPurse: PurseState = { count: 0, balance: 0, rolling: '' };

/** What an order leads to. @throws {@link Refused} */
export function decide(state: PurseState, order: Order): PurseEvent[] {
  const { op, amount } = order;
  if (op === 'take' && state.balance < amount) throw new Refused(state);
  if (op === 'ensure' && state.balance >= amount) return [];
  const put = op === 'ensure' ? amount - state.balance : amount;
  return eventsOf(order, op === 'take' ? 'took' : 'put', put, state.balance);
}

/** The events of a plain append. */
export function notesOf(order: Order): PurseEvent[] {
  return eventsOf(order, 'noted', 0, null);
}

function eventsOf(
  { uid, count, padLength, key }: Order,
  type: PurseEvent['type'],
  amount: number,
  before: number | null,
) {
  return Array.from({ length: count }, (_, at): PurseEvent => {
    const moved = at === 0 ? amount : 0;
    const after = before === null || at === 0 ? before : before + (type === 'took' ? -amount : amount);
    const data = { uid, at, of: count, amount: moved, before: after, pad: padOf(uid, at, padLength) };
    return { type, data, ...(key === 'event' && at === 0 && { id: uid }) };
  });
}

/** Text that hardly compresses. */
function padOf(uid: string, at: number, length: number): string {
  let text = '';
  for (let block = 0; text.length < length; block += 1) {
    text += createHash('sha256').update(`${uid} ${at} ${block}`).digest('base64');
  }
  return text.slice(0, length);
}

export function applyToPurse(state: PurseState, event: RecordedEvent<PurseEvent>): PurseState {
  const { amount } = event.data;
  return {
    count: state.count + 1,
    balance: state.balance + (event.type === 'took' ? -amount : amount),
    rolling: createHash('sha256')
      .update(state.rolling)
      .update(digestOf([event]))
      .digest('base64')
      .slice(0, 22),
  };
}

/** Of everything in events that their readers are told. */
export function digestOf(events: readonly RecordedEvent<PurseEvent>[]): string {
  const hash = createHash('sha256');
  for (const { type, data, metadata, schemaVersion, id, stream, seq, time, commandId } of events) {
    const { uid, at, of, amount, before, pad } = data;
    const said = [uid, at, of, amount, before, pad.length, pad.slice(-8)];
    hash.update(JSON.stringify([type, said, metadata, schemaVersion, id, stream, seq, time, commandId ?? null]));
  }
  return hash.digest('base64').slice(0, 22);
}

const truths: Readonly<Record<string, Truth>> = {
  replayed: 'events',
  snapped: { snapshotEvery: 12 },
  kept: 'aggregate',
};
const typeNames: readonly string[] = Object.keys(truths);

/** One type for each place where states may be taken from. */
const purses: ReadonlyMap<string, PurseType> = new Map(
  typeNames.map((name) => [
    name,
    new AggregateType<PurseState, Order, PurseEvent, PurseServices>({
      name,
      initial: emptyPurse,
      truth: truths[name] as Truth,
      async handle(state, order, services) {
        await services.pause();
        return decide(state, order);
      },
      apply: applyToPurse,
    }),
  ]),
);
type PurseType = AggregateType<PurseState, Order, PurseEvent, PurseServices>;

/** Name of the stream of one of the purses. */
export function streamNumber(number: number): string {
  return `${typeNames[number % typeNames.length]}-${Math.floor(number / typeNames.length)}`;
}

export function purseOf(stream: string): { readonly type: PurseType; readonly id: string } {
  const [name, id] = stream.split('-') as [string, string];
  return { type: purses.get(name) as PurseType, id };
}
