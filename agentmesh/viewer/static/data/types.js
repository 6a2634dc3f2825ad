/**
 * Shapes of what the server answers, as far as more than one module reads them. Only types.
 */

/**
 * @typedef {object} Config
 * @property {string} version
 * @property {boolean} control
 * @property {string | null} control_token
 * @property {string} store
 * @property {string | null} run
 * @property {boolean} questions
 */

/**
 * @typedef {object} Figures
 * @property {number} agents
 * @property {number} events
 * @property {number} messages
 * @property {number} effects
 * @property {number} turns
 * @property {number} failures
 * @property {number} input_tokens
 * @property {number} output_tokens
 * @property {number | null} cost_usd
 * @property {boolean} simulated_cost
 * @property {boolean} [unreadable]
 */

/** @typedef {{ type: string, what: string, cause?: string, fix?: string }} Told */

/**
 * A run in the list.
 * @typedef {object} Run
 * @property {string} id
 * @property {string} status
 * @property {string} workflow
 * @property {string} program
 * @property {number} started_ms
 * @property {number | null} duration_ns
 * @property {string} driver
 * @property {string} parent
 * @property {string} fork_event
 * @property {Record<string, any>[]} edits
 * @property {Told | null} error
 * @property {string | null} result
 * @property {boolean} growing
 * @property {boolean} can_resume
 * @property {Figures | null} figures
 */

/**
 * @typedef {object} Agent
 * @property {number} index
 * @property {string} address
 * @property {string} type
 * @property {string} key
 * @property {number} events
 * @property {number} first_ns
 * @property {number} last_ns
 * @property {number} turns
 * @property {number} messages_in
 * @property {number} messages_out
 * @property {number} effects
 * @property {number} failures
 * @property {number} input_tokens
 * @property {number} output_tokens
 * @property {number | null} cost_usd
 */

/**
 * A run that is looked at.
 * @typedef {object} RunInfoMore
 * @property {string} start_ns
 * @property {number} start_ms
 * @property {any} input
 * @property {number} generation
 * @property {boolean} complete
 * @property {{ done: number, of: number | null } | null} building
 * @property {Agent[]} agents
 * @property {Record<TableName, number>} rows
 * @property {string} python
 * @property {string} agentmesh
 * @property {string} command
 * @property {any} torn
 * @property {string} [problem] Why events are in the order of time only.
 * @property {Told | null} [error_reading] The record is damaged further on.
 * @property {string[]} parents
 */
/** @typedef {Omit<Run, "result"> & RunInfoMore & { result: any }} RunInfo */

/** @typedef {"turns" | "effects" | "messages" | "events" | "logs"} TableName */

/** @typedef {{ ref: string, row: number, at_ns: number, what: string, kind: string }} Link */

/**
 * @typedef {object} Payload
 * @property {number} bytes
 * @property {string} text
 * @property {boolean} truncated
 * @property {string | null} pretty
 * @property {boolean} json
 * @property {string} part
 */

/** @typedef {{ input_tokens: number, output_tokens: number, cached_tokens?: number, reasoning_tokens?: number }} Usage */

export {};
