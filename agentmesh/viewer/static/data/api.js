/** What the viewer asks of its server: requests, and errors in words. */

/** @typedef {import("./types.js").Config} Config */

/** An answer that is an error: what happened, its usual cause, and what to do. */
export class ApiError extends Error {
  /**
   * @param {{ type?: string, what?: string, cause?: string, fix?: string, status?: number }} told
   * @param {number} status
   */
  constructor(told, status) {
    const parts = [told.what ?? `The server answered with status ${status}.`, told.cause, told.fix];
    super(parts.filter(Boolean).join("\n"));
    this.name = told.type ?? "ApiError";
    this.what = parts[0] ?? "";
    this.cause_ = told.cause ?? "";
    this.fix = told.fix ?? "";
    this.status = status;
  }
}

const LOST = {
  type: "NoAnswer",
  what: "The viewer's server does not answer.",
  cause: "Usually `agentmesh view` was stopped.",
  fix: "Start it again, and open the link that it prints.",
};
const SIGNED_OUT = {
  type: "SignedOut",
  what: "The server does not know this browser.",
  cause: "Each start of `agentmesh view` has a token of its own, and this page is of another one.",
  fix: "Open the link that `agentmesh view` printed last.",
};

export class Api {
  constructor() {
    /** @type {Config} */
    this.config = { version: "", control: false, control_token: null, store: "", run: null, questions: false };
  }

  /** Whether the server lets this page change things. */
  get control() {
    return this.config.control;
  }

  async loadConfig() {
    this.config = await this.json("/api/config");
    return this.config;
  }

  /**
   * Ask for JSON.
   * @param {string} path
   * @param {Record<string, string | number | boolean | undefined>} [query] what is undefined or "" is left out
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<any>} null if nothing changed (304)
   */
  async json(path, query, options) {
    const response = await this._fetch(path, query, options);
    return response.status === 304 ? null : await response.json();
  }

  /**
   * Ask about a run: `ofRun("r1", "event", { ref: "A/a@1" })`.
   * @param {string} run
   * @param {string} what "" for the run itself
   * @param {Record<string, string | number | boolean | undefined>} [query]
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  ofRun(run, what, query, options) {
    return this.json(pathOf(run, what), query, options);
  }

  /**
   * Ask for bytes.
   * @param {string} run
   * @param {string} what
   * @param {Record<string, string | number | boolean | undefined>} [query]
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<{ bytes: ArrayBuffer, headers: Headers }>}
   */
  async bytes(run, what, query, options) {
    const response = await this._fetch(pathOf(run, what), query, options);
    return { bytes: await response.arrayBuffer(), headers: response.headers };
  }

  /**
   * Ask for something to be done; only with `--control`.
   * @param {string} path
   * @param {unknown} body
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<any>}
   */
  async post(path, body, options) {
    const response = await this._fetch(path, {}, {
      ...options,
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        "Content-Type": "application/json",
        "X-Agentmesh-Control": this.config.control_token ?? "",
      },
    });
    return await response.json();
  }

  /**
   * @param {string} path
   * @param {Record<string, string | number | boolean | undefined>} [query]
   * @param {RequestInit} [options]
   */
  async _fetch(path, query = {}, options = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const asked = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
    /** @type {Response} */
    let response;
    try {
      response = await fetch(asked.size ? `${path}?${asked}` : path, {
        ...options,
        credentials: "same-origin",
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(LOST, 0);
    }
    if (response.ok || response.status === 304) return response;
    throw await errorOf(response);
  }
}

/**
 * @param {string} run
 * @param {string} what
 */
function pathOf(run, what) {
  return `/api/runs/${encodeURIComponent(run)}${what ? `/${what}` : ""}`;
}

/** @param {Response} response */
async function errorOf(response) {
  if (response.status === 401) return new ApiError(SIGNED_OUT, 401);
  try {
    return new ApiError((await response.json()).error ?? {}, response.status);
  } catch {
    return new ApiError({}, response.status);
  }
}

/**
 * Whether an error only says that nobody wants the answer any more.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
