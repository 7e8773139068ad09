package dev.onceward.internal

import dev.onceward.Event
import dev.onceward.EventBatch
import kotlin.coroutines.CoroutineContext

/** One registered handler: its declaration for the core, and how it is called. */
internal class Handler(
    val declared: Map<String, Any?>,
    val fatal: Fatal,
    /** Where it runs; what is not said comes from the consumer. */
    val context: CoroutineContext,
    val one: (suspend (Event) -> Unit)?,
    val several: (suspend (EventBatch) -> Unit)?,
)
