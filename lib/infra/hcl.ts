/** Values and blocks as HCL, the language of Terraform, laid out as `terraform fmt` does. */

/** Text that stands as it is: a reference, an expression. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What can be given to an attribute. */
export type HclValue = string | number | boolean | Raw | readonly HclValue[] | { readonly [name: string]: HclValue };

/** `type "label" { … }`. */
export class Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: readonly HclMember[];

  constructor(type: string, labels: readonly string[], body: readonly HclMember[]) {
    this.type = type;
    this.labels = labels;
    this.body = body;
  }
}

/** A block, or an attribute with its value. */
export type HclMember = Block | readonly [name: string, value: HclValue];

/** A document of these blocks. */
export function toHcl(blocks: readonly Block[]): string {
  return `${blocks.map((block) => blockText(block).join('\n')).join('\n\n')}\n`;
}

function blockText({ type, labels, body }: Block): string[] {
  const head = [type, ...labels.map(quoted)].join(' ');
  const inside: string[] = [];
  for (let at = 0; at < body.length; ) {
    const member = body[at] as HclMember;
    if (member instanceof Block) {
      if (inside.length > 0) inside.push('');
      inside.push(...blockText(member));
      at += 1;
      continue;
    }
    // Attributes that follow each other have their signs in one column.
    const until = body.findIndex((one, index) => index > at && one instanceof Block);
    const run = body.slice(at, until === -1 ? body.length : until) as (readonly [string, HclValue])[];
    if (inside.length > 0) inside.push('');
    inside.push(...assignments(run));
    at += run.length;
  }
  return [`${head} {`, ...inside.map((line) => (line === '' ? '' : `  ${line}`)), '}'];
}

function assignments(pairs: readonly (readonly [string, HclValue])[]): string[] {
  const all = pairs.map(([name, value]) => ({ name, text: valueText(value) }));
  return all.flatMap(({ name, text: [first = '', ...rest] }, index) => {
    if (rest.length > 0) return [`${name} = ${first}`, ...rest];
    return [`${name.padEnd(widthAround(all, index))} = ${first}`];
  });
}

/** The longest name among the neighbours of one line; a value of several lines parts them. */
function widthAround(
  all: readonly { readonly name: string; readonly text: readonly string[] }[],
  index: number,
): number {
  const isOneLine = (at: number): boolean => all[at]?.text.length === 1;
  let [from, to] = [index, index];
  while (isOneLine(from - 1)) from -= 1;
  while (isOneLine(to + 1)) to += 1;
  return Math.max(...all.slice(from, to + 1).map(({ name }) => name.length));
}

function valueText(value: HclValue): string[] {
  if (value instanceof Raw) return [value.text];
  if (typeof value === 'string') return [quoted(value)];
  if (typeof value !== 'object') return [String(value)];
  if (Array.isArray(value)) {
    const elements = (value as readonly HclValue[]).map((one) => valueText(one));
    if (elements.length < 2 && elements.every((one) => one.length === 1)) return [`[${elements.join('')}]`];
    return ['[', ...elements.flatMap((one) => [...one.slice(0, -1), `${one.at(-1)},`].map((line) => `  ${line}`)), ']'];
  }
  const pairs = Object.entries(value).map(([name, one]) => [quoted(name), one] as const);
  if (pairs.length === 0) return ['{}'];
  return ['{', ...assignments(pairs).map((line) => `  ${line}`), '}'];
}

/** A string in quotes; templates in it are only text. */
function quoted(text: string): string {
  const json = JSON.stringify(text).replace(/\\[bf]/g, (control) => (control === '\\b' ? '\\u0008' : '\\u000c'));
  return json.replace(/[$%]\{/g, (open) => `${open.charAt(0)}${open}`);
}
