package com.example.billing;

import org.springframework.stereotype.Component;

/** What another bean knows. */
@Component
public class Prices {
    double gross(double net) {
        return net * 1.25;
    }
}
