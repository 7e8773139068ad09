package dev.onceward

import dev.onceward.internal.Json

/**
 * What an event is published with.
 *
 * @property key its key; null is Kafka's null.
 * @property value its value; null is Kafka's null.
 * @property headers in order; a name may come twice.
 * @property id an id of its own, in place of the one that is derived from the event at hand.
 */
public class Publish @JvmOverloads constructor(
    public val key: ByteArray? = null,
    public val value: ByteArray? = null,
    public val headers: List<Header> = emptyList(),
    public val id: String? = null,
) {
    public companion object {
        /** A text as value. */
        @JvmStatic
        @JvmOverloads
        public fun text(value: String?, key: String? = null, headers: List<Header> = emptyList(), id: String? = null): Publish =
            Publish(key?.encodeToByteArray(), value?.encodeToByteArray(), headers, id)

        /** Maps, lists, strings, numbers, booleans or null, written as JSON. */
        @JvmStatic
        @JvmOverloads
        public fun json(value: Any?, key: String? = null, headers: List<Header> = emptyList(), id: String? = null): Publish =
            text(Json.write(value), key, headers, id)
    }
}
