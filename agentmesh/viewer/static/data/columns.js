/**
 * Binary columns: what the server sends of a table, and the table that grows from it. No DOM.
 *
 * A body is the length of a header (u32), the header as JSON, and the columns, each at a multiple
 * of eight bytes, little endian. A column first has the rows that are known already and are other
 * ones now (the column `updated` names them), and then new rows.
 */

/** @typedef {Float64Array | Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array} Column */
/** @typedef {Record<string, Column>} Columns */

/**
 * @typedef {object} Header
 * @property {string} table
 * @property {number} generation
 * @property {number} since
 * @property {number} [version] Of what is on record; what changes later has a greater one.
 * @property {number} rows How many new rows there are.
 * @property {number} [updates] How many known rows are sent again.
 * @property {number} total
 * @property {number} next
 * @property {boolean} complete
 * @property {{ name: string, dtype: string, offset: number, length: number }[]} columns
 * @property {Record<string, string[]>} dictionaries
 * @property {Record<string, number>} [dictionaries_since]
 */

const ARRAYS = /** @type {const} */ ({
  f64: Float64Array,
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
});

/**
 * @param {ArrayBuffer} body
 * @returns {{ header: Header, columns: Columns }} columns look into the body
 */
export function decode(body) {
  const length = body.byteLength >= 4 ? new DataView(body).getUint32(0, true) : -1;
  const base = 4 + length;
  if (length < 0 || base > body.byteLength || base % 8 !== 0) {
    throw new Error(`The server sent ${body.byteLength} bytes that are no columns.`);
  }
  /** @type {Header} */
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, length)));
  /** @type {Columns} */
  const columns = {};
  for (const { name, dtype, offset, length: size } of header.columns) {
    const array = ARRAYS[/** @type {keyof typeof ARRAYS} */ (dtype)];
    if (!array) throw new Error(`The column ${name} has the unknown type ${dtype}.`);
    columns[name] = new array(body, base + offset, size / array.BYTES_PER_ELEMENT);
  }
  return { header, columns };
}

/** A table that grows: columns with room for more, of which `rows` rows count. */
export class Table {
  constructor() {
    this.rows = 0;
    /** How many rows the server has, as far as it has said. */
    this.total = 0;
    this.complete = false;
    /** Up to which version changes of known rows are in. */
    this.seen = 0;
    /** The version at the beginning of the present walk through the rows; 0 outside one. */
    this.walk = 0;
    /** @type {Columns} */
    this.columns = {};
    this._room = 0;
  }

  /**
   * A column that may be absent while nothing was read.
   * @param {string} name
   * @returns {Column}
   */
  column(name) {
    return this.columns[name] ?? NOTHING;
  }

  /**
   * Take what the server sent.
   * @param {Header} header
   * @param {Columns} columns
   */
  apply(header, columns) {
    const { updated, ...values } = columns;
    const updates = header.updates ?? 0;
    if (header.since > this.rows) {
      throw new Error(`Rows from ${header.since} on were sent, and only ${this.rows} are here.`);
    }
    const rows = header.since + header.rows;
    this._grow(rows, Math.max(rows, header.total), values);
    for (const [name, sent] of Object.entries(values)) {
      const mine = this.columns[name];
      for (let at = 0; at < updates; at++) mine[updated[at]] = sent[at];
      mine.set(sent.subarray(updates, updates + header.rows), header.since);
    }
    this.rows = rows;
    this.total = header.total;
    // The server calls complete what it has, and this is a page of it.
    this.complete = header.complete && rows >= header.total;
  }

  /**
   * @param {number} rows at least so many
   * @param {number} likely so many will come
   * @param {Columns} like
   */
  _grow(rows, likely, like) {
    const isNew = Object.keys(like).some((name) => !(name in this.columns));
    if (rows <= this._room && !isNew) return;
    this._room = Math.max(likely, rows <= this._room ? this._room : Math.ceil(this._room * 1.5));
    for (const [name, values] of Object.entries(like)) {
      const array = /** @type {new (length: number) => Column} */ (values.constructor);
      const grown = new array(this._room);
      const old = this.columns[name];
      if (old) grown.set(old.subarray(0, Math.min(this.rows, old.length)));
      this.columns[name] = grown;
    }
  }
}

const NOTHING = new Float64Array(0);
