/** What may stand behind a flag: durations, counts, exit codes, addresses, JSON. All else is refused, and told why. */
import { UsageError } from './exit.js';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A reader of one flag's text. */
export type Reader<T> = (text: string) => T;

/**
 * Milliseconds, from `min` to `max`, which are durations as well. The unit is a must, for 15 might be meant as seconds; only 0 needs none.
 */
export function duration(flag: string, min = '0', max = '10000d'): Reader<number> {
  const limits = [min, max].map(millisecondsIn) as [number, number];
  return (text) => {
    const ms = millisecondsIn(text);
    if (ms === undefined) {
      throw new UsageError(
        `${flag} must be a number with a unit (ms, s, m, h or d), for instance 500ms, 15s or 2m: "${text}"`,
      );
    }
    if (ms >= limits[0] && ms <= limits[1]) return ms;
    throw new UsageError(`${flag} must be ${min} to ${max}: "${text}"`);
  };
}

function millisecondsIn(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]*)$/.exec(text) ?? [];
  if (count === undefined) return undefined;
  if (Number(count) === 0 && unit === '') return 0;
  const unitMs = Object.hasOwn(unitsMs, unit) ? unitsMs[unit] : undefined;
  return unitMs === undefined ? undefined : Math.round(Number(count) * unitMs);
}

/** A text of 1 to `bytesMax` bytes. */
export function textOfBytes(flag: string, bytesMax: number): Reader<string> {
  return (text) => {
    const bytes = Buffer.byteLength(text);
    if (bytes >= 1 && bytes <= bytesMax) return text;
    throw new UsageError(`${flag} must be 1 to ${bytesMax} bytes of text: ${bytes} bytes`);
  };
}

/** A whole number from `min` to `max`. */
export function wholeNumber(flag: string, min: number, max: number): Reader<number> {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new UsageError(`${flag} must be a whole number from ${min} to ${max}: "${text}"`);
  };
}

/** A fencing token: a whole number from 1, of any length. */
export function fencingToken(flag: string): Reader<bigint> {
  return (text) => {
    if (/^\d+$/.test(text) && BigInt(text) > 0n) return BigInt(text);
    throw new UsageError(`${flag} must be a whole number of at least 1: "${text}"`);
  };
}

/** What a process can end with. */
export const exitCode = (flag: string): Reader<number> => wholeNumber(flag, 0, 255);

/** The address of an HTTP server. */
export function httpUrl(flag: string): Reader<string> {
  return (text) => {
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
    throw new UsageError(`${flag} must be a URL that begins with http:// or https://: "${text}"`);
  };
}

/** One of some words. */
export function oneOf<W extends string>(flag: string, words: readonly W[]): Reader<W> {
  return (text) => {
    if ((words as readonly string[]).includes(text)) return text as W;
    throw new UsageError(`${flag} must be one of ${words.join(', ')}: "${text}"`);
  };
}
