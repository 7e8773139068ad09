package dev.onceward

/**
 * What a run did.
 *
 * @property handled events handled and durably marked.
 * @property duplicates copies dropped.
 * @property ignored events that no handler wanted (`unrouted_type = "ignore"`).
 * @property failedAttempts attempts that failed.
 * @property deadLetters events in the dead-letter topic.
 * @property identityConflicts ids seen with other bytes.
 * @property abandoned events given back unresolved with their partition; somebody reads them again.
 * @property halted partitions halted by an alert.
 */
public data class Summary(
    val handled: Long,
    val duplicates: Long,
    val ignored: Long,
    val failedAttempts: Long,
    val deadLetters: Long,
    val identityConflicts: Long,
    val abandoned: Long,
    val halted: Long,
)
