package dev.onceward.testing

import dev.onceward.Consumer
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import org.junit.jupiter.api.extension.AfterEachCallback
import org.junit.jupiter.api.extension.ExtensionContext

/**
 * Rigs for JUnit: each is closed after its test, and when the test has failed, everything that happened in it is printed.
 *
 * ```kotlin
 * @RegisterExtension
 * val rigs = Rigs()
 *
 * @Test
 * fun `an order is billed once`() {
 *     val rig = rigs.of(billing())
 *     …
 * }
 * ```
 */
public class Rigs : AfterEachCallback {
    private val open = ArrayList<Rig>()

    /** A rig for this test. */
    @JvmSynthetic
    public fun of(
        app: Consumer,
        seed: Long = 1,
        start: Instant? = null,
        partitions: Map<String, Int> = emptyMap(),
        patience: Duration = 60.seconds,
    ): Rig = Rig(app, seed, start, partitions, patience).also(open::add)

    /** As above, with what is usual. */
    public fun of(app: Consumer): Rig = of(app, seed = 1)

    override fun afterEach(context: ExtensionContext) {
        for (rig in open) {
            // A rig that the test has closed itself has nothing to tell.
            if (context.executionException.isPresent) runCatching { rig.history }.onSuccess { it.forEach(System.err::println) }
            rig.close()
        }
        open.clear()
    }
}
