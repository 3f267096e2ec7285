/**
 * What the processes of a run write down: a line of JSON for each note, in a file for each process.
 *
 * Lines go to the kernel one by one, so that a killed process leaves open calls and nothing half told.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';

/** Where notes go, and the clock that stamps them: one for all processes of a machine. */
export interface Notebook<Note> {
  readonly now: () => number;
  readonly write: (note: Note) => void;
}

/** An unknown outcome was asked for. */
export interface SettledNote {
  readonly on: 'settled';
  readonly id: string;
  readonly at: number;
  readonly outcome: 'done' | 'not-done' | 'unknown';
}

/** Where the process of this name writes. */
export function fileOf(folder: string, name: string): string {
  return path.join(folder, `${name}.jsonl`);
}

/** A notebook in a file of its own in `folder`. */
export function fileNotebook<Note>(folder: string, name: string): Notebook<Note> & { close(): void } {
  const fd = openSync(fileOf(folder, name), 'ax');
  const write = (note: Note) => {
    const bytes = Buffer.from(`${JSON.stringify(note)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
  };
  // Nanoseconds as a number: rounding keeps the order.
  return { now: () => Number(process.hrtime.bigint()), write, close: () => closeSync(fd) };
}

/** All notes of a file. A last line without its end was being written when its process died. */
export function readNotes<Note>(file: string): Note[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Note);
}

/** The notes of all processes, one file after the other. */
export function* notesIn<Note>(folder: string): Generator<Note> {
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.jsonl')) yield* readNotes<Note>(path.join(folder, file));
  }
}
