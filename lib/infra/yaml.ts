/**
 * JSON values as YAML. A string that is not a plain word stands in double quotes as JSON writes it, which YAML reads alike; so nothing
 * is taken for a number, a date or a boolean that is none.
 */

/** What can be written. */
export type JsonValue = string | number | boolean | readonly JsonValue[] | { readonly [name: string]: JsonValue };

const plainWord = /^[A-Za-z][A-Za-z0-9]*$/;
/** Words that some reader of YAML 1.1 or 1.2 takes for something else. */
const taken = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i;

/** `value` as a YAML document. */
export function toYaml(value: JsonValue): string {
  return `${lines(value).join('\n')}\n`;
}

function lines(value: JsonValue): string[] {
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).flatMap((one) => indented(lines(one), '- '));
  }
  if (typeof value !== 'object') return [scalar(value)];
  return Object.entries(value).flatMap(([name, one]) => {
    if (typeof one !== 'object') return [`${scalar(name)}: ${scalar(one)}`];
    if (Object.keys(one).length === 0) return [`${scalar(name)}: ${Array.isArray(one) ? '[]' : '{}'}`];
    return [`${scalar(name)}:`, ...indented(lines(one), '  ')];
  });
}

function indented(block: readonly string[], first: string): string[] {
  return block.map((line, index) => (index === 0 ? `${first}${line}` : `  ${line}`));
}

function scalar(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  if (plainWord.test(value) && !taken.test(value)) return value;
  // Beyond ASCII, YAML and JSON do not agree on what may stand there as it is.
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
