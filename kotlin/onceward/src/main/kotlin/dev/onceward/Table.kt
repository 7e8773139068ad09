package dev.onceward

import kotlin.properties.ReadWriteProperty
import kotlin.reflect.KProperty

/** A table of onceward.toml. What is not set has its default; what is wrong is told by the consumer, with its path. */
public sealed class Table {
    private val given = LinkedHashMap<String, Any?>()

    /** A setting by the name that it has in onceward.toml; a table is a map. For names that are known at run time only. */
    public operator fun set(name: String, value: Any?) {
        given[name] = value
    }

    @Suppress("UNCHECKED_CAST")
    internal fun <T> field(name: String) = object : ReadWriteProperty<Table, T?> {
        override fun getValue(thisRef: Table, property: KProperty<*>): T? = given[name] as T?

        override fun setValue(thisRef: Table, property: KProperty<*>, value: T?) {
            given[name] = value
        }
    }

    /** The table below, which is there from now on. */
    @Suppress("UNCHECKED_CAST")
    internal fun <T : Table> below(name: String, make: () -> T): T = given.getOrPut(name, make) as T

    /** One of the tables below, by a name of the user's. */
    @Suppress("UNCHECKED_CAST")
    internal fun <T : Table> below(name: String, key: String, make: () -> T): T =
        (given.getOrPut(name) { LinkedHashMap<String, Any?>() } as MutableMap<String, Any?>).getOrPut(key, make) as T

    /** All that another one says. */
    internal fun take(other: Table) {
        given.putAll(other.given)
    }

    internal fun written(): Map<String, Any?> = given.filterValues { it != null }.mapValues { plain(it.value) }

    private fun plain(value: Any?): Any? = when (value) {
        is Table -> value.written()
        is Map<*, *> -> value.mapValues { plain(it.value) }
        else -> value
    }
}
