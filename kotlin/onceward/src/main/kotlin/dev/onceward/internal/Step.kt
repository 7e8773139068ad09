package dev.onceward.internal

/** The calls that are made for each event: numbers only, and past JNA. Written by hand on both sides (`bindings/kotlin/src/step.rs`). */
internal object Step {
    init {
        Library.load()
    }

    /** The event in hand of that run is done, and the next one is begun; false: the run is over. */
    @JvmStatic
    external fun next(session: Long, token: Long): Boolean

    /** Whether what is in hand is to stop: [LATE], [LOST], or 0. Of a run always 0 before [watch]. */
    @JvmStatic
    external fun told(session: Long, token: Long): Int

    /** From now on the session tells when the handler of the event in hand of this run is to stop. */
    @JvmStatic
    external fun watch(session: Long, token: Long)

    /** Records the statement that was written there. False: ask through [NativeSession], which says why not. */
    @JvmStatic
    external fun effect(session: Long, token: Long, position: Int, address: Long, length: Long): Boolean

    /** Publishes what was written there when the handler succeeds. False: as above. */
    @JvmStatic
    external fun publish(session: Long, token: Long, position: Int, address: Long, length: Long): Boolean

    /** It is past its `handler_timeout`. */
    const val LATE = 1

    /** Its partition is gone. */
    const val LOST = 2
}
