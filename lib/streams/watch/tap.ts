/** What one shared reader gives to the many who listen to it. */
import type { Item } from '../../codec/index.js';
import type { Batch, RecordMeta } from '../change.js';
import type { Gap } from '../errors.js';
import type { StreamRecord } from '../port.js';
import type { StreamFacts } from '../stream-lookup.js';

/** One record of the stream, with its key as atoms name it. */
export interface Fed {
  /** The canonical text of the key. */
  readonly keyText: string;
  readonly record: StreamRecord;
  readonly meta: RecordMeta;
}

/** Somebody who listens. None of these may throw. */
export interface Tap {
  /**
   * Whether every record counts for it: then the reader goes on where it stood when it had to be opened anew, and what it can't go on with is a
   * gap. Others are content with what is written from then on, and a doubt.
   */
  readonly wantsAll: boolean;
  /** Whether it wants the records of this key. Called for each record. */
  wants(keyText: string, key: Item): boolean;
  /** Records in order, at least one, those of others among them. Nothing more is read until what it returns has come. */
  take(batch: Batch<Fed>): void | Promise<void>;
  /** `true`: from now on everything is told. `false`: not any more. Told of each change of it. */
  onHealth(isHealthy: boolean, facts: StreamFacts | undefined): void;
  /** Something may have been missed; the gap, if one is known. */
  onDoubt(gap?: Gap): void;
  /** It can't be read, and asking again is of no use to who wants all. It is tried again all the same. */
  onRefused(error: unknown): void;
  /** The reader has ended for good. */
  onEnd(): void;
}

/** Whether a record that came for somebody is for this one. */
export function wantsRecord(tap: Pick<Tap, 'wants'>, { keyText, record }: Fed): boolean {
  return tap.wants(keyText, record.dynamodb?.Keys ?? {});
}

/** Whether images of new states come with the records of a stream. */
export function hasImages({ viewType }: Pick<StreamFacts, 'viewType'>): boolean {
  return viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES';
}

/** The item after a change; `undefined`: it was removed. Only for streams with images. */
export function imageOf({ record }: Pick<Fed, 'record'>): Item | undefined {
  return record.dynamodb?.NewImage;
}

/** The name of a table in what may be its ARN. */
export function bareTableName(name: string): string {
  return /:table\/([^/]+)/.exec(name)?.[1] ?? name;
}
