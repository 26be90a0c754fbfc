// json_position.js - where JSON text is wrong: line and column, however the browser words its error.

// null when the text is JSON; else { message, line, column }.
export function jsonError(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const place = /position (\d+)/.exec(error.message);
    const lineColumn = /line (\d+) column (\d+)/.exec(error.message);
    if (lineColumn) return { message: error.message, line: Number(lineColumn[1]), column: Number(lineColumn[2]) };
    const offset = place ? Number(place[1]) : text.length;
    const before = text.slice(0, offset).split("\n");
    return { message: error.message, line: before.length, column: before.at(-1).length + 1 };
  }
}
