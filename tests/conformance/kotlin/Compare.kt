// What is expected, compared with what the rig found: only the fields that a case names.

package conformance

import dev.onceward.DeadLetter
import dev.onceward.testing.FoundLetter
import dev.onceward.testing.FoundRecord
import dev.onceward.testing.Rig
import java.util.Base64
import kotlin.time.DurationUnit
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue

fun compare(expect: Table, rig: Rig, said: List<Said>, told: List<DeadLetter>) {
    for ((name, wanted) in expect) {
        when (name) {
            "handled" -> assertEquals(wanted, rig.handled)
            "handled_in_any_order" -> assertEquals(wanted.list().map { it as String }.sorted(), rig.handled.sorted())
            "attempts" -> assertEquals(wanted, wanted.table().mapValues { rig.attempts(it.key).toLong() })
            "letters" -> records(wanted.list(), inOrderOf(wanted.list(), rig.deadLetters))
            "held" -> assertEquals(wanted, rig.held.map { held ->
                mapOf(
                    "topic" to held.topic, "partition" to held.partition.toLong(), "key" to held.key?.decodeToString(),
                    "letter" to held.letter, "behind" to held.behind,
                )
            })
            "published" -> records(wanted.list(), rig.published)
            "told" -> summaries(wanted.list(), told)
            "sql" -> wanted.table().forEach { (query, rows) -> assertEquals(rows, rig.sql(query)) }
            "seconds" -> {
                val (least, most) = wanted.list().map { (it as Number).toDouble() }
                assertTrue(rig.now.toDouble(DurationUnit.SECONDS) in least..most, "${rig.now}")
            }
            "logs" -> {
                val lines = rig.logs.map { Triple(it.level, it.message, it.fields) } + said.map { Triple("WARN", it.message, it.fields) }
                wanted.list().forEach { line -> assertTrue(lines.any { matches(line.table(), it) }, "no line $line in $lines") }
            }
            "silent" -> wanted.list().forEach { word ->
                assertFalse(rig.logs.any { (word as String) in it.toString() }, "$word was logged")
            }
            else -> throw AssertionError("nothing of that name is compared: $name")
        }
    }
}

/** Handlers that are resumed elsewhere end side by side: letters of different keys have no order among each other. */
private fun inOrderOf(wanted: List<Any?>, found: List<FoundLetter>): List<FoundLetter> {
    val ids = wanted.map { it.table()["id"] }
    return if (ids.toSet() == found.map { it.id }.toSet()) found.sortedBy { ids.indexOf(it.id) } else found
}

private fun records(wanted: List<Any?>, found: List<FoundRecord>) {
    assertEquals(wanted.size, found.size, "$found")
    wanted.zip(found).forEach { (expected, record) ->
        expected.table().forEach { (name, value) -> field(name, value, record) }
    }
}

private fun field(name: String, value: Any?, record: FoundRecord) {
    when (name) {
        "id" -> assertEquals(value, record.id)
        "topic" -> assertEquals(value, record.topic)
        "partition" -> assertEquals(value, record.partition.toLong())
        "headers" -> value.table().forEach { (header, text) ->
            assertTrue(fits(text, record.header(header)), "$header: $text is not ${record.header(header)}")
        }
        "base64" -> assertArrayEquals(Base64.getDecoder().decode(value as String), record.value)
        "json" -> assertEquals(value, record.json())
        "key" -> assertEquals(value, record.key?.decodeToString())
        "reason" -> assertEquals(value, (record as FoundLetter).reason)
        "state" -> assertEquals(value, (record as FoundLetter).state)
        "attempts" -> assertEquals(value, (record as FoundLetter).attempts.toLong())
        "replays" -> assertEquals(value, (record as FoundLetter).replays.toLong())
        else -> throw AssertionError("nothing of that name is compared: $name")
    }
}

private fun summaries(wanted: List<Any?>, told: List<DeadLetter>) {
    assertEquals(wanted.size, told.size, "$told")
    assertFalse("SECRET" in told.toString(), "a payload was told")
    wanted.zip(told).forEach { (expected, letter) ->
        val found = mapOf(
            "group" to letter.group, "topic" to letter.topic, "partition" to letter.partition.toLong(), "offset" to letter.offset,
            "reason" to letter.reason, "attempts" to letter.attempts.toLong(), "replays" to letter.replays.toLong(), "message" to letter.message,
            "correlation_id" to letter.correlationId, "error_type" to letter.errorType,
        )
        expected.table().forEach { (name, value) -> assertTrue(fits(value, found.getValue(name)), "$name: $value is not ${found[name]}") }
    }
}

private fun fits(wanted: Any?, found: Any?): Boolean {
    if (wanted !is Map<*, *>) return wanted == found
    val text = found as? String ?: return false
    return (wanted["ends"] as String?)?.let(text::endsWith) ?: text.contains(wanted["contains"] as String)
}

private fun matches(wanted: Table, line: Triple<String, String, Map<String, String>>): Boolean {
    val (level, message, fields) = line
    return (wanted["contains"] as String) in message &&
        (wanted["level"] == null || wanted["level"] == level) &&
        ("correlated" !in wanted || !fields["correlation_id"].isNullOrEmpty()) &&
        (wanted["fields"] ?: emptyMap<String, Any?>()).table().all { (name, value) -> fields[name] == value }
}
