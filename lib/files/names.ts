/**
 * The names in a directory.
 *
 *   journal-0000000007     a part of the journal; numbers are dense
 *   snapshot-0000000123    a state; the number is the place of the last commit in it
 *   newest-0000000007      that journal-0000000007 is there, and nothing in it
 *   holder-0000000003      who may write; the number is the epoch
 *   *.part                 what was not finished
 *
 * All else is somebody else's, and left alone.
 */

export type FileKind = 'journal' | 'snapshot' | 'newest' | 'holder';

export interface FileName {
  readonly kind: FileKind;
  readonly number: number;
}

const digits = 10;
const pattern = /^(journal|snapshot|newest|holder)-(\d{10,16})$/;
const ofThePast = /^(?:journal|snapshot|holder)-\d{10,16}(?:[.-].*)?\.part$/;

export function nameOf(kind: FileKind, number: number): string {
  return `${kind}-${String(number).padStart(digits, '0')}`;
}

/**
 * The name of a file that is not finished.
 *
 * @param maker unlike any other: an epoch is given anew when who had it has left nothing, and is late with a call
 */
export function partOf(kind: FileKind, number: number, maker: string): string {
  return `${nameOf(kind, number)}.${maker}.part`;
}

/** `undefined` for what is none of ours, or not finished. */
export function parseName(name: string): FileName | undefined {
  const [, kind, number] = pattern.exec(name) ?? [];
  if (kind === undefined || number === undefined) return undefined;
  return nameOf(kind as FileKind, Number(number)) === name
    ? { kind: kind as FileKind, number: Number(number) }
    : undefined;
}

/** Whether it is the name of something of ours that was not finished. */
export function isPart(name: string): boolean {
  return ofThePast.test(name);
}

/** Whether a directory with this name in it may be ours from the first file on: what every fresh disk has. */
export function isNothing(name: string): boolean {
  return name.startsWith('.') || name === 'lost+found';
}
