// json_position.js - where JSON text is wrong. Browsers word their errors differently and do not always tell the place, so the
// place is found here; it also knows what the server refuses beyond JSON.parse: a key twice in an object.

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const DEEPEST = 32;

class Wrong extends Error {
  constructor(message, offset) {
    super(message);
    this.offset = offset;
  }
}

class Scanner {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }
  take(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at = pattern.lastIndex;
    return match?.[0];
  }
  skip() { this.take(SPACE); }
  wrong(message) {
    const found = this.text[this.at];
    throw new Wrong(found === undefined ? `${message}, but the text ends here` : message, this.at);
  }
  string(what) {
    const from = this.at;
    const token = this.take(STRING);
    if (token !== undefined) return JSON.parse(token);
    if (this.text[from] !== '"') this.wrong(`${what} is expected here`);
    // What is wrong inside of it: the first thing that no string may have.
    const inside = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
    this.take(inside);
    const found = this.text[this.at];
    if (found === undefined) throw new Wrong("a string that begins here does not end", from);
    throw new Wrong(found === "\\" ? "no such escape in JSON" : found === "\n" ? "a string ends on its line: a quote is missing, or write \\n" : "this character has to be escaped", this.at);
  }
  value(depth) {
    if (depth > DEEPEST) this.wrong(`nested deeper than ${DEEPEST}`);
    this.skip();
    const first = this.text[this.at];
    if (first === "{") this.object(depth);
    else if (first === "[") this.array(depth);
    else if (first === '"') this.string("a string");
    else if (this.take(/true|false|null/y) === undefined && this.take(NUMBER) === undefined)
      this.wrong(first === "'" ? 'strings are in double quotes: "' : "a value is expected here");
    this.skip();
  }
  object(depth) {
    const keys = new Set();
    this.at++;
    this.skip();
    if (this.text[this.at] === "}") { this.at++; return; }
    for (;;) {
      this.skip();
      const from = this.at;
      const key = this.string('a name in double quotes');
      if (keys.has(key)) throw new Wrong(`the name "${key}" is there twice`, from);
      keys.add(key);
      this.skip();
      if (this.text[this.at] !== ":") this.wrong("a colon is expected here");
      this.at++;
      this.value(depth + 1);
      if (this.text[this.at] === "}") { this.at++; return; }
      if (this.text[this.at] !== ",") this.wrong("a comma or } is expected here");
      this.at++;
    }
  }
  array(depth) {
    this.at++;
    this.skip();
    if (this.text[this.at] === "]") { this.at++; return; }
    for (;;) {
      this.value(depth + 1);
      if (this.text[this.at] === "]") { this.at++; return; }
      if (this.text[this.at] !== ",") this.wrong("a comma or ] is expected here");
      this.at++;
    }
  }
}

// { line, column } of a character, both counted from 1.
export function placeOf(text, offset) {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

// The character at a byte of the text as UTF-8, which is how the server counts.
export function characterAt(text, byte) {
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, byte)).length;
}

// null when the text is JSON; else { message, offset, line, column }.
export function jsonError(text) {
  const scanner = new Scanner(text);
  try {
    scanner.value(1);
    if (scanner.at < text.length) throw new Wrong("the value has ended before this", scanner.at);
    return null;
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { message: error.message, offset: error.offset, ...placeOf(text, error.offset) };
  }
}
