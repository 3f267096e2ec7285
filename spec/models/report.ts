/** What the searches of a suite found, printed together at its end. */
import { afterAll } from '@jest/globals';
import type { Found } from './search.js';

/** Notes what one search found. */
export type Print = (name: string, found: Found, unit?: string) => void;

/** Called once in a suite. */
export function searchReport(): Print {
  const lines: string[] = [];
  afterAll(() => console.log(lines.join('\n')));
  return (name, { states, steps, ms, path }, unit = 'states') => {
    const counterexample = path.length === 0 ? '' : `, counterexample of ${path.length} steps`;
    lines.push(`${name}: ${states} ${unit}, ${steps} steps, ${(ms / 1_000).toFixed(1)} s${counterexample}`);
  };
}
