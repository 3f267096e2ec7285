/** Lines of JSON text, each one value. */

/** The values of all lines. One call of the parser is several times as fast as one a line. Throws for what is no JSON. */
export function parseLines(text: string): unknown[] {
  if (text === '') return [];
  return text.includes('\n') ? (JSON.parse(`[${text.replaceAll('\n', ',')}]`) as unknown[]) : [JSON.parse(text)];
}

/** How many lines there are; an empty text has none. */
export function linesIn(text: string): number {
  if (text === '') return 0;
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

/** Freezes what the JSON parser has made, all the way down. */
export function deepFreeze<T>(parsed: T): T {
  if (typeof parsed !== 'object' || parsed === null) return parsed;
  // The parser makes own members only.
  for (const name in parsed) if (typeof parsed[name] === 'object') deepFreeze(parsed[name]);
  return Object.freeze(parsed);
}
