-- Views over runs that `agentmesh export parquet` wrote. In DuckDB:  .read views.sql
-- or  duckdb runs.db -init views.sql. All times are UTC; durations are seconds.

-- One row per event and per command, of all runs here.
CREATE OR REPLACE VIEW events AS
SELECT *
FROM read_parquet('${directory}/events/*/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- One row per run.
CREATE OR REPLACE VIEW runs AS
SELECT *, (ended_ns - created_ns) / 1e9 AS seconds
FROM read_parquet('${directory}/runs/*/*/*.parquet', hive_partitioning = true, union_by_name = true);

-- One row per message that asked for a turn, with how it ended.
CREATE OR REPLACE VIEW turns AS
SELECT
    came.run_id, came.agent, came.agent_type, ended.turn, came.message, came.message_kind,
    came.peer AS sender, came.handler, came.type, came.step AS from_step, ended.step AS to_step,
    came.time AS delivered, ended.time AS ended,
    (ended.time_ns - came.time_ns) / 1e9 AS seconds,
    coalesce(ended.outcome, 'unfinished') AS outcome,
    came.payload, ended.error
FROM events AS came
LEFT JOIN events AS ended
    ON ended.run_id = came.run_id AND ended.agent = came.agent
    AND ended.message = came.message AND ended.kind = 'finish_turn'
WHERE came.kind = 'delivered' AND came.message_kind IN ('tell', 'ask', 'continue');

-- One row per message that was sent, with when it came.
CREATE OR REPLACE VIEW messages AS
SELECT
    sent.run_id, sent.message, sent.message_kind, sent.agent AS sender, sent.peer AS receiver,
    sent.handler, sent.type, sent.step AS sent_step, came.step AS received_step,
    sent.time AS sent, came.time AS received,
    (came.time_ns - sent.time_ns) / 1e9 AS seconds, came.payload
FROM events AS sent
LEFT JOIN events AS came
    ON came.run_id = sent.run_id AND came.message = sent.message
    AND came.agent = sent.peer AND came.kind = 'delivered'
WHERE sent.kind = 'sent';

-- One row per effect, with how it ended.
CREATE OR REPLACE VIEW effects AS
SELECT
    began.run_id, began.agent, began.agent_type, began.turn, began.n, began.effect_kind,
    began.effect_name, began.effect_key, began.step AS from_step, ended.step AS to_step,
    began.time AS started, ended.time AS ended,
    (ended.time_ns - began.time_ns) / 1e9 AS seconds,
    CASE ended.kind
        WHEN 'finished' THEN 'done' WHEN 'failed' THEN 'failed'
        WHEN 'cancel_effect' THEN 'cancelled' ELSE 'unfinished'
    END AS outcome,
    began.payload AS request, ended.payload AS result, ended.error
FROM events AS began
LEFT JOIN events AS ended
    ON ended.run_id = began.run_id AND ended.agent = began.agent
    AND ended.turn = began.turn AND ended.n = began.n
    AND ended.kind IN ('finished', 'failed', 'cancel_effect')
WHERE began.kind = 'start_effect';

-- One row per model call, with its tokens.
CREATE OR REPLACE VIEW model_calls AS
SELECT
    run_id, agent, agent_type, turn, n, started, seconds, outcome,
    coalesce(result ->> '$.json.model', result ->> '$.model', request ->> '$.json.model') AS model,
    coalesce(
        (result ->> '$.json.usage.prompt_tokens')::BIGINT, (result ->> '$.json.usage.input_tokens')::BIGINT,
        (result ->> '$.usage.prompt_tokens')::BIGINT, (result ->> '$.usage.input_tokens')::BIGINT
    ) AS input_tokens,
    coalesce(
        (result ->> '$.json.usage.completion_tokens')::BIGINT, (result ->> '$.json.usage.output_tokens')::BIGINT,
        (result ->> '$.usage.completion_tokens')::BIGINT, (result ->> '$.usage.output_tokens')::BIGINT
    ) AS output_tokens,
    result ->> '$.json.choices[0].finish_reason' AS finish_reason,
    request, result
FROM effects
WHERE effect_kind = 'http' AND request ->> '$.json.model' IS NOT NULL;

-- One row per ask that was answered: who waited for whom.
CREATE OR REPLACE VIEW waits AS
SELECT
    asked.run_id, asked.agent, asked.peer AS waited_for, asked.handler,
    asked.time AS from_time, answered.time AS to_time,
    (answered.time_ns - asked.time_ns) / 1e9 AS seconds, answered.message_kind AS answer
FROM events AS asked
JOIN events AS answered
    ON answered.run_id = asked.run_id AND answered.agent = asked.agent
    AND answered.kind = 'delivered' AND answered.message_kind IN ('reply', 'fail')
    AND answered.peer = asked.peer
    AND answered.re = CAST(regexp_extract(asked.message, '#(\d+)$', 1) AS BIGINT)
WHERE asked.kind = 'sent' AND asked.message_kind = 'ask';

-- One row per line that a program logged.
CREATE OR REPLACE VIEW log_lines AS
SELECT run_id, agent, agent_type, turn, time, level, text, payload AS fields
FROM events
WHERE kind = 'log';

-- One row per agent of a run.
CREATE OR REPLACE VIEW agents AS
SELECT
    run_id, agent, agent_type,
    count(*) FILTER (WHERE "index" = 0) AS steps,
    count(*) FILTER (WHERE kind = 'finish_turn') AS turns,
    count(*) FILTER (WHERE kind = 'finish_turn' AND outcome NOT IN ('done', 'continued')) AS not_done,
    count(*) FILTER (WHERE kind = 'start_effect') AS effects,
    min(time) AS first, max(time) AS last
FROM events
GROUP BY ALL;
