/** As much XML as S3 speaks: elements with text or elements in them. */

/** An element is text, or its children; a list stands for several of the same name. */
export type Xml = string | number | boolean | { readonly [name: string]: Xml | readonly Xml[] | undefined };

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string =>
  // What XML has no character for is written by its number, as S3 does.
  text.replace(/[&<>"]|\p{Cc}/gu, (char) => escapes[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);

function element(name: string, content: Xml): string {
  const inner =
    typeof content === 'object'
      ? Object.entries(content)
          .flatMap(([child, value]) => {
            if (value === undefined) return [];
            return (Array.isArray(value) ? (value as readonly Xml[]) : [value as Xml]).map((one) =>
              element(child, one),
            );
          })
          .join('')
      : escaped(String(content));
  return `<${name}>${inner}</${name}>`;
}

export function document(root: string, content: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}`;
}

const unescapes: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The texts of all elements of that name, which have no elements in them. */
export function textsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) =>
    text.replace(/&(#x[0-9a-f]+|#[0-9]+|[a-z]+);/gi, (whole, word: string) => {
      if (word.startsWith('#x')) return String.fromCodePoint(Number.parseInt(word.slice(2), 16));
      return word.startsWith('#') ? String.fromCodePoint(Number(word.slice(1))) : (unescapes[word] ?? whole);
    }),
  );
}
