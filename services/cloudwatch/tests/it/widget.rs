//! Images of widgets: what is in them is found by its pixels.

use api_cloudwatch::*;
use kernel::Error;
use kernel::testing::TestCloud;

use super::{MINUTE, cloud, datum, put};

async fn image(cloud: &TestCloud, widget: &str) -> Result<Vec<u8>, Error> {
    let input = GetMetricWidgetImageInput { metric_widget: widget.to_owned(), ..Default::default() };
    let output = cloud.call(op::GetMetricWidgetImage, input).await?;
    Ok(output.metric_widget_image.unwrap().to_vec())
}

fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn a_widget_is_drawn_of_what_there_is() {
    let cloud = cloud().await;
    let at = cloud.now() - 60 * MINUTE;
    let data = (0..60).map(|n| datum("Load", at + n * MINUTE, f64::from(i32::try_from(n % 13).unwrap())));
    put(&cloud, data.collect()).await.unwrap();
    let widget = |more: &str| {
        format!(
            r##"{{"width":300,"height":200,"start":"-PT1H","period":60,{more}
                "metrics":[["shop","Load",{{"id":"m1","color":"#f00"}}],
                           [{{"expression":"m1 * 2","label":"twice","color":"#00f"}}]]}}"##
        )
    };
    let lines = image(&cloud, &widget("")).await.unwrap();
    assert_eq!(size(&lines), (300, 200));
    let stacked = image(&cloud, &widget(r#""stacked":true,"#)).await.unwrap();
    let titled = image(&cloud, &widget(r#""title":"Load of the shop","#)).await.unwrap();
    let dark = image(&cloud, &widget(r#""theme":"dark","#)).await.unwrap();
    let single =
        image(&cloud, &widget(r#""view":"singleValue","setPeriodToTimeRange":true,"#)).await.unwrap();
    let annotated =
        r#""annotations":{"horizontal":[{"value":30,"label":"much"}]},"yAxis":{"left":{"min":0,"max":40}},"#;
    let annotated = image(&cloud, &widget(annotated)).await.unwrap();
    let all = [&lines, &stacked, &titled, &dark, &single, &annotated];
    for (n, one) in all.iter().enumerate() {
        assert!(all.iter().skip(n + 1).all(|other| other != one), "{n} looks like another");
    }
    assert_eq!(lines, image(&cloud, &widget("")).await.unwrap());
    cloud.advance(30 * MINUTE);
    assert_ne!(lines, image(&cloud, &widget("")).await.unwrap(), "time went on");
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused() {
    let cloud = cloud().await;
    assert_eq!(size(&image(&cloud, "{}").await.unwrap()), (600, 400), "an empty one");
    for bad in [
        r#"{"view":"gauge"}"#,
        r#"{"metrics":[[{"expression":"m9 + 1"}]]}"#,
        r#"{"metrics":[[{"expression":"1 + 1"}]]}"#,
        r#"{"metrics":[["a","b",{"stat":"Most"}]]}"#,
        r#"{"metrics":[["a","b",{"id":"m"}],["a","c",{"id":"m"}]]}"#,
    ] {
        assert_eq!(image(&cloud, bad).await.unwrap_err().status(), 400, "{bad}");
    }
    let input = GetMetricWidgetImageInput {
        metric_widget: "{}".to_owned(),
        output_format: Some("image/png".to_owned()),
    };
    assert_eq!(cloud.call(op::GetMetricWidgetImage, input).await.unwrap_err().status(), 400);
}
